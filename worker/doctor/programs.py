"""The programs that run: workers on this machine, and an API at an address."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from typing import Any

from concept_orderings.cli.entry_points import load_all
from concept_orderings.errors import SettingError
from concept_orderings.version import __version__
from worker.doctor.findings import Finding, note, ok, wrong
from worker.running import running_workers
from worker.settings import WorkerSettings

_ANSWER_SECONDS = 10.0


async def examine_programs(settings: WorkerSettings, url: str) -> AsyncIterator[Finding]:
    """Examine the settings of all programs, the workers of this user on this machine, and the API at a URL, if any."""
    yield _settings()
    own = [each for each in running_workers() if each.uses(settings.data_dir)]
    for each in running_workers():
        about = f"worker {each.pid}"
        if each not in own:
            yield note(about, f"It uses another data directory, {each.data_dir}.")
        elif each.release != __version__:
            yield note(
                about,
                f"It is of release {each.release or 'unknown'}, and this command of {__version__}.",
                "Restart it with this release: docs/upgrading.md.",
            )
        else:
            yield ok(about, f"It is of release {__version__}, and uses {each.data_dir}.")
    if not own:
        yield note("workers here", f"No worker of this user runs on {settings.data_dir.absolute()} on this machine.")
    if url:
        yield _api(url)


def _settings() -> Finding:
    try:
        for check in load_all("concept_orderings.settings_checks"):
            check()
    except SettingError as error:
        return wrong("settings", error.detail, "Correct the variable: the program does not start with it.")
    return ok("settings", f"The programs of release {__version__} take the settings of this environment.")


def _api(url: str) -> Finding:
    about = f"API at {url}"
    try:
        ready, release = _get(f"{url}/health/ready"), str(_get(f"{url}/v1").get("release", "unknown"))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return wrong(about, f"It does not answer: {error}.", "Start it, or correct the address.")
    if reasons := ready.get("reasons"):
        return wrong(about, f"It is of release {release}, and not ready.", " ".join(each["detail"] for each in reasons))
    if ready.get("status") != "ready":
        return wrong(about, f"It is of release {release}, and not ready.", "See its log.")
    if release != __version__:
        return note(about, f"It is ready, and of release {release}; this command is of {__version__}.")
    return ok(about, f"It is ready, and of release {release}.")


def _get(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # the operator's own
            body: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        body = json.load(error)
    return body
