"""Run numpy's matrix products on the calling thread alone."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController


@dataclass
class _Limit:
    """The setting of the process, and the number of callers that rely on it."""

    users: int = 0
    lock: Lock = field(default_factory=Lock)
    setting: ExitStack = field(default_factory=ExitStack)


_limit = _Limit()


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Run matrix products of numpy on the calling thread alone, for callers that have threads of their own.

    Otherwise the BLAS library runs threads too. Those wait for the next product in a busy loop and so slow down the
    callers' threads. The setting holds for the whole process: the first caller to enter sets it, the last to leave
    restores it. Without the package threadpoolctl nothing is set, which makes products slower but not different.
    """
    with _limit.lock:
        if _limit.users == 0:
            _enter(_limit.setting)
        _limit.users += 1
    try:
        yield
    finally:
        with _limit.lock:
            _limit.users -= 1
            if _limit.users == 0:
                _limit.setting.close()


def _enter(setting: ExitStack) -> None:
    try:
        controller = _controller()
    except ModuleNotFoundError:
        return
    setting.enter_context(controller.limit(limits=1, user_api="blas"))


@cache
def _controller() -> "ThreadpoolController":
    # Kept, because finding the libraries of the process takes a millisecond, longer than a short path. A library that
    # is loaded later is not in it; numpy's own was loaded with numpy.
    from threadpoolctl import ThreadpoolController  # noqa: PLC0415

    return ThreadpoolController()
