"""Whether numba compiles a kernel: all of them take half a minute on a machine that has not compiled them before."""

from threading import Lock


class _Threads:
    """Counts threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.number = 0

    def add(self, number: int) -> None:
        with self._lock:
            self.number += number


_compiling = _Threads()


def is_compiling() -> bool:
    """Return whether a kernel is compiled in this process, or loaded from numba's cache on disk."""
    return _compiling.number > 0


def note_compiling(*, begins: bool) -> None:
    """Note that a thread begins or ends to compile, or to wait until another thread has compiled."""
    _compiling.add(1 if begins else -1)
