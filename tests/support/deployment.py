"""The whole service: Valkey, an API and workers on one data directory, each of which can be killed."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from support.processes import ROOT, Api, Process, Valkey
from support.waiting import until

CONTROLLED_WORKER = ROOT / "tests" / "support" / "controlled_worker.py"
TEST_PATH = f"{ROOT}:{ROOT / 'tests'}"


class Deployment:
    """A service of its own for one test, or one module.

    Parameters
    ----------
    directory
        Where data and logs go.
    controlled
        Whether workers are those of ``controlled_worker.py``.
    script
        A program that is run with ``app`` or ``worker`` as its first argument, instead of those two.
    valkey
        A Valkey to share with other services; by default, the service starts one of its own.
    start_api
        Whether to start the API at once.
    settings
        Further environment variables of API and workers.
    """

    def __init__(
        self,
        directory: Path,
        *,
        controlled: bool = False,
        script: Path | None = None,
        valkey: Valkey | None = None,
        start_api: bool = True,
        **settings: str,
    ) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.control = directory / "control"
        self.control.mkdir()
        self._worker = ["-m", "worker"] if script is None else [str(script), "worker"]
        if controlled:
            self._worker = [str(CONTROLLED_WORKER)]
        self._shares_valkey = valkey is not None
        self.valkey = valkey or Valkey(durable=True)
        self.environment = {
            "REDIS_URL": self.valkey.url,
            "CONCEPT_ORDERINGS_DATA_DIR": str(self.data),
            "CONCEPT_ORDERINGS_REDELIVERY_SECONDS": "1",
            "CONCEPT_ORDERINGS_DEVICE": "cpu",
            "CONTROL": str(self.control),
            **settings,
        }
        self.workers: list[Process] = []
        api = ("-m", "app") if script is None else (str(script), "app")
        self.api = Api({**self.environment, "PYTHONPATH": TEST_PATH}, directory, program=api, start=start_api)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            for each in (self.api.process, *self.workers):
                print(f"--- {each.log.name}\n{each.text()[-4000:]}")
        for worker in self.workers:
            worker.kill()
        self.api.close()
        if not self._shares_valkey:
            self.valkey.close()

    def reset(self) -> None:
        """Restore the state of a new deployment: an API, an empty Valkey, and no worker."""
        for worker in self.workers:
            worker.kill()
        self.workers.clear()
        for each in self.control.iterdir():
            each.unlink()
        if not self.valkey.process.running():
            self.valkey.start()
        with self.valkey.client() as client:
            client.flushall()
        if not self.api.process.running():
            self.api.start()

    @property
    def http(self) -> httpx.Client:
        return self.api.http

    def start_worker(self, *program: str) -> Process:
        """Start a worker: one of this deployment, or another program with its arguments."""
        environment = {**self.environment, "PYTHONPATH": TEST_PATH}
        worker = Process("worker", [sys.executable, *(program or self._worker)], environment, self.directory)
        self.workers.append(worker)
        return worker

    def ready(self) -> "Deployment":
        """Start a worker and wait until the service says that it is ready."""
        self.start_worker()
        until(lambda: self.http.get("/health/ready").status_code == 200, "the service is ready")
        return self

    def hold(self, seed: int) -> None:
        (self.control / f"{seed}.hold").touch()

    def release(self, seed: int) -> None:
        (self.control / f"{seed}.hold").unlink()

    def begun(self, seed: int) -> list[str]:
        """Return the process ids of the workers that began to arrange, one for each beginning."""
        file = self.control / f"{seed}.begun"
        return file.read_text().split() if file.exists() else []

    def post(self, body: object, *, wait: int | None = None) -> httpx.Response:
        headers = {"Prefer": f"wait={wait}"} if wait is not None else {}
        return self.http.post("/v1/streams", json=body, headers=headers)

    def publish(self, body: object) -> dict[str, Any]:
        """Post a request and return its version."""
        answer = self.post(body, wait=60)
        assert answer.status_code in (200, 201), answer.text
        version: dict[str, Any] = answer.json()
        return version

    def job(self, url: str) -> dict[str, Any]:
        answer = self.http.get(url)
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def until_state(self, url: str, *states: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            job = self.job(url)
            return job if job["state"] in states else None

        job = until(found, f"{url} is {' or '.join(states)}")
        assert job is not None
        return job

    def until_begun(self, seed: int, times: int = 1) -> None:
        until(lambda: len(self.begun(seed)) >= times, f"the job with seed {seed} has begun {times} times")

    def process_is_well(self) -> bool:
        """Return whether the API runs and has not logged a traceback."""
        return self.api.process.running() and "Traceback" not in self.api.process.text()

    def objects(self) -> dict[str, bytes]:
        """Return all objects of the store by path, but for hints, which are replaced."""
        root = self.data / "streams"
        files = (each for each in root.rglob("*") if each.is_file() and each.name != "newest.json")
        return {str(each.relative_to(root)): each.read_bytes() for each in files}
