"""The files that run a node: jars and one class, built by Maven once and kept outside the checkout."""

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
# Less than the timeout of a test, so that the error has the output of Maven.
_BUILD_SECONDS = 240


class Unavailable(Exception):
    """No node can be started on this machine; the message says what is missing."""


@dataclass(frozen=True)
class Installation:
    """A directory that was built by ``pom.xml``, complete and never changed, and the Java to run it."""

    java: str
    directory: Path

    def command(self, options: Sequence[str], settings: Mapping[str, str]) -> list[str]:
        """Return the command that runs a node with these settings and these options of the Java virtual machine.

        The node ends at the latest when the process that calls this ends.
        """
        class_path = f"{self.directory / 'lib'}/*:{self.directory / 'classes'}"
        given = [f"{name}={value}" for name, value in settings.items()]
        arguments = [str(os.getpid()), str(self.directory / "modules"), *given]
        return [self.java, *options, "-cp", class_path, "SingleNode", *arguments]


def install(cache: Path | None = None) -> Installation:
    """Return the installation that runs nodes; the first call builds it with Maven in a few seconds.

    Several processes may call this at the same time: one builds, and the others wait for it.

    Parameters
    ----------
    cache : Path, optional
        Directory of installations, each named by the digest of its sources. By default, below the user's directory for
        caches.

    Raises
    ------
    Unavailable
        There is no Java that is new enough, no Maven, or Maven cannot download the artifacts.
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
    """Build the installation in another directory and rename it when it is complete."""
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
            raise Unavailable(f"Maven did not finish within {_BUILD_SECONDS} s") from error
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
    """Return the path of a program. JAVA_HOME comes first, as it does for Maven."""
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
