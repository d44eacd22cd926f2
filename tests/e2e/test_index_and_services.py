"""`index` says whether a running service uses the data directory that it writes to."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from support.deployment import Deployment
from support.processes import OWN_SETTINGS, ROOT
from support.waiting import until


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Settings by which this test sees its own workers alone."""
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    return {"XDG_RUNTIME_DIR": str(runtime), "TMPDIR": str(runtime)}


@pytest.fixture
def service(tmp_path: Path, places: dict[str, str]) -> Iterator[Deployment]:
    with Deployment(tmp_path, XDG_RUNTIME_DIR=places["XDG_RUNTIME_DIR"], TMPDIR=places["TMPDIR"]) as deployment:
        yield deployment


def command(places: Mapping[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(OWN_SETTINGS)}
    return subprocess.run(
        [sys.executable, "-m", "concept_orderings.cli", *arguments],
        cwd=ROOT,
        env={**inherited, **places},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def index(places: Mapping[str, str], data_dir: Path) -> "subprocess.CompletedProcess[str]":
    done = command(
        places, "index", "examples/documents.json.gz", "--name", "example-documents", "--data-dir", str(data_dir)
    )
    assert done.returncode == 0, done.stderr
    assert f"12 documents in 1 shards; {data_dir}/indexes/example-documents" in done.stdout
    return done


def test_an_index_in_the_data_directory_of_the_service_can_be_used_at_once(
    service: Deployment, places: dict[str, str], tmp_path: Path
) -> None:
    worker = service.ready().workers[0]
    # By another name, as from another working directory.
    (tmp_path / "link").symlink_to(service.data)
    done = index(places, tmp_path / "link")
    assert f"can use the source example-documents now (worker: process {worker.pid})" in done.stdout
    assert "--data-dir" not in done.stderr
    request = {
        "name": "counted",
        "datasets": [{"name": "A", "classes": ["cat", "dog"]}],
        "ordering": {"kind": "frequency", "source": "example-documents"},
        "tasks": {"count": 1},
    }
    assert service.publish(request)["version"] == 1


def test_an_index_in_another_data_directory_than_the_service_s(
    service: Deployment, places: dict[str, str], tmp_path: Path
) -> None:
    worker = service.ready().workers[0]
    done = index(places, tmp_path / "other data")
    warning = (
        f"The running service does not use the data directory {tmp_path}/other data: its worker uses {service.data} "
        f"(process {worker.pid}). To use that one, give --data-dir {service.data}."
    )
    assert done.stderr.count(warning) == 2, "before the build and after it"
    assert "running service can use" not in done.stdout
    order = ("order", "examples/flowers102.json", "--kind", "frequency", "--source", "nothing")
    refused = command(places, *order, "--data-dir", str(tmp_path / "other data"))
    assert refused.returncode == 1
    assert f"To use that one, give --data-dir {service.data}." in refused.stderr
    fitting = command(places, *order, "--data-dir", str(service.data))
    assert fitting.returncode == 1
    assert "does not use the data directory" not in fitting.stderr


def test_an_index_while_no_service_runs(service: Deployment, places: dict[str, str], tmp_path: Path) -> None:
    where = tmp_path / "some data"
    done = index(places, where)
    assert "No service of this user runs on this machine" in done.stdout
    assert f"--data-dir '{where}'" in done.stdout
    worker = service.ready().workers[0]
    runtime = Path(places["XDG_RUNTIME_DIR"]) / "concept-orderings"
    assert len(list(runtime.iterdir())) == 1
    worker.kill()
    assert "No service of this user runs on this machine" in index(places, where).stdout
    assert list(runtime.iterdir()) == [], "the file of a killed worker is removed"


def test_a_stopped_worker_leaves_nothing_behind(service: Deployment, places: dict[str, str]) -> None:
    worker = service.ready().workers[0]
    runtime = Path(places["XDG_RUNTIME_DIR"]) / "concept-orderings"
    assert worker.stop() == 0
    until(lambda: not list(runtime.iterdir()), "its file is removed")


def test_an_index_cannot_have_a_reserved_name_but_that_of_a_counts_file(
    service: Deployment, places: dict[str, str]
) -> None:
    upload = service.ready().http.put(
        "/v1/sources/counted",
        params={"unit": "documents", "corpus": "C4"},
        content=b"name,count\ncat,3\n",
        headers={"Content-Type": "text/csv"},
    )
    assert upload.status_code == 201, upload.text
    for name in ("request", "infini-gram"):
        done = command(places, "index", "examples/documents.json.gz", "--name", name, "--data-dir", str(service.data))
        assert (done.returncode, done.stdout) == (1, "")
        assert f"{name} is the name of" in done.stderr
        assert not (service.data / "indexes" / name).exists()
    done = command(places, "index", "examples/documents.json.gz", "--name", "counted", "--data-dir", str(service.data))
    assert done.returncode == 0
    assert "use this index now, and not the counts file of that name" in done.stderr

    def listed() -> dict[str, Any]:
        sources: list[dict[str, Any]] = service.http.get("/v1/sources").json()["sources"]
        return {each["name"]: each for each in sources}["counted"]

    until(lambda: listed()["kind"] == "local-index", "the worker has reported the index")
    assert (listed()["state"], listed()["hides_counts_file"]) == ("available", True)
    look = service.http.post("/v1/sources/counted/counts", json={"names": ["cat"]}).json()
    assert look["source"]["kind"] == "local-index", "the name that was taken first does not keep the index from use"
    assert service.http.delete("/v1/sources/counted").status_code == 204
    assert not listed()["hides_counts_file"]
    assert service.http.delete("/v1/sources/counted").status_code == 404, "the index is not deleted"
    assert listed()["state"] == "available"


def test_an_index_that_cannot_be_written_is_one_line(places: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "indexes").write_text("no directory")
    done = command(places, "index", "examples/documents.json.gz", "--data-dir", str(tmp_path))
    assert done.returncode == 1
    assert "cannot be written: " in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
