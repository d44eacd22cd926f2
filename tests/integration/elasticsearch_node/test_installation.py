"""The installation of a node, with scripts in place of Java and Maven."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.elasticsearch_node.installation import Unavailable, install

JAVA = "echo 'openjdk version \"17.0.1\"' >&2"
MAVEN = """
for argument; do case $argument in -Dinstallation=*) made=${argument#*=};; esac; done
mkdir "$made"
sleep 0.2
echo built >> "$LOG"
"""

MakeProgram = Callable[[str, str], None]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProgram:
    """Return a function that puts a script on a PATH without Java and Maven."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(programs))
    monkeypatch.setenv("LOG", str(tmp_path / "log"))

    def make(name: str, script: str) -> None:
        path = programs / name
        path.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        path.chmod(0o755)

    return make


def test_the_installation_is_built_once_by_the_first_process(tmp_path: Path, program: MakeProgram) -> None:
    program("java", JAVA)
    program("mvn", MAVEN)

    with ThreadPoolExecutor(4) as pool:
        found = {each.directory for each in pool.map(install, [tmp_path / "cache"] * 4)}
    found.add(install(tmp_path / "cache").directory)

    assert (tmp_path / "log").read_text() == "built\n"
    assert len(found) == 1
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"lock", found.pop().name}


def test_it_says_which_program_is_missing(tmp_path: Path, program: MakeProgram) -> None:
    with pytest.raises(Unavailable, match=r"Java is not installed: there is no `java`"):
        install(tmp_path / "cache")
    program("java", JAVA)
    with pytest.raises(Unavailable, match=r"Maven is not installed: there is no `mvn`"):
        install(tmp_path / "cache")


def test_java_that_is_too_old_raises_unavailable(tmp_path: Path, program: MakeProgram) -> None:
    program("java", "echo 'openjdk version \"11.0.2\" 2019-01-15' >&2")
    with pytest.raises(Unavailable, match=r"Java 17 or newer is needed; .* says .*11\.0\.2"):
        install(tmp_path / "cache")


def test_a_failed_build_raises_unavailable_and_leaves_nothing(tmp_path: Path, program: MakeProgram) -> None:
    program("java", JAVA)
    program("mvn", f"{MAVEN}\necho 'Trying'; echo '[ERROR] Could not resolve dependencies'; exit 1")
    with pytest.raises(Unavailable, match=r"Maven failed: Could not resolve dependencies"):
        install(tmp_path / "cache")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"lock"}
