"""What a node is run from: jars and one class, put together by Maven once and kept outside the checkout."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

OLDEST_JAVA = 17

_HERE = Path(__file__).parent
_SOURCES = ("pom.xml", "plugin-descriptor.properties", "SingleNode.java")
# Less than what a single test is given, so that it fails with Maven's words rather than without.
_BUILD_SECONDS = 240


class Unavailable(Exception):
    """There can be no node on this machine, or not now; the message says what is missing."""


@dataclass(frozen=True)
class Installation:
    """A directory as ``pom.xml`` describes it, complete and never changed, and the Java to run it with."""

    java: str
    directory: Path

    def command(self, options: Sequence[str], settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs a node with these settings, and the Java virtual machine with these options.

        The node ends with the process that calls this, at the latest.
        """
        class_path = f"{self.directory / 'lib'}/*:{self.directory / 'classes'}"
        given = [f"{name}={value}" for name, value in settings.items()]
        arguments = [str(os.getpid()), str(self.directory / "modules"), *given]
        return [self.java, *options, "-cp", class_path, "SingleNode", *arguments]


def install(cache: Path | None = None) -> Installation:
    """Return what nodes are run from, which takes Maven and seconds the first time.

    Any number of processes may do so at once: one builds, and the others wait for it.

    Parameters
    ----------
    cache : Path, optional
        Where what was built is kept, by the digest of what it was built from. By default, below the directory for
        caches of whoever runs this.

    Raises
    ------
    Unavailable
        There is no Java that is new enough, no Maven, or Maven does not get the artifacts.
    """
    java = _java()
    cache = cache or _cache()
    digest = hashlib.sha256(b"\0".join((_HERE / name).read_bytes() for name in _SOURCES)).hexdigest()
    directory = cache / digest[:16]
    if not directory.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / "lock"):
            if not directory.is_dir():
                _build(directory)
    return Installation(java, directory)


def _build(directory: Path) -> None:
    """Make the directory appear, complete."""
    maven = [_program("mvn", "Maven"), "--batch-mode", "--quiet"]
    with tempfile.TemporaryDirectory(prefix="build-", dir=directory.parent) as temporary:
        built = Path(temporary, "installation")
        command = [*maven, f"-Dinstallation={built}", "--file", str(_HERE / "pom.xml"), "compile"]
        try:
            run = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_BUILD_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"Maven was not done within {_BUILD_SECONDS} s") from error
        if run.returncode:
            first = run.stdout.partition("[ERROR]")[2].partition("\n")[0]
            failure = Unavailable(f"Maven failed: {first.strip() or run.stdout[-500:]}")
            failure.add_note(run.stdout)
            raise failure
        built.rename(directory)


def _java() -> str:
    java = _program("java", "Java")
    version = subprocess.run([java, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = re.search(r'version "(\d+)', version.stderr)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise Unavailable(f"Java {OLDEST_JAVA} or newer is needed; {java} says {version.stderr.strip()!r}")
    return java


def _program(name: str, title: str) -> str:
    """Return the path of a program: of Java, the one that Maven takes too."""
    home = os.environ.get("JAVA_HOME")
    path = os.pathsep.join([*([str(Path(home, "bin"))] if home else []), os.environ.get("PATH", os.defpath)])
    found = shutil.which(name, path=path)
    if found is None:
        raise Unavailable(f"{title} is not installed: there is no `{name}` on the PATH")
    return found


def _cache() -> Path:
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "concept-orderings" / "elasticsearch"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
