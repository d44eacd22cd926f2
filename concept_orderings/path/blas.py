"""Products on the thread that asks for them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class _Limit:
    """The setting, and how many rely on it."""

    users: int = 0
    lock: Lock = field(default_factory=Lock)
    setting: ExitStack = field(default_factory=ExitStack)


_limit = _Limit()


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Let matrix products of numpy run on the calling thread alone, for callers that have threads of their own.

    Else a library of products has threads too, which wait for their next product by spinning, in the way of the
    callers' own. It is a setting of the whole process: the first who enters sets it, the last who leaves sets it back.
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
        from threadpoolctl import threadpool_limits  # noqa: PLC0415  # without it, products are slower and no less right
    except ModuleNotFoundError:
        return
    setting.enter_context(threadpool_limits(limits=1, user_api="blas"))
