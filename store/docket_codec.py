"""Keep the queue's values in Redis as JSON, and refuse all other bytes, which Docket would unpickle.

Unpickling runs code that is named in the bytes. Docket 0.27 pickles the arguments of tasks, their results and errors,
and the values of strikes, and has no setting for another format. `install` replaces that in the running process:

- the arguments of a task, from the stream, from a parked task or for a snapshot, are read as JSON. A message that
  cannot be read is replaced by a task that does nothing, so that the worker acknowledges and deletes it;
- the results and errors of a task are read as JSON; an error comes back as a `TaskFailed`;
- the value of a strike is read as JSON; an instruction that cannot be read is skipped;
- the arguments in a task's record are not read: `Docket.get_execution`, which would read them, raises an error. This
  project does not use it, and it imports ``cloudpickle`` where that cannot be replaced.

In JSON, numbers, texts, booleans, null and arrays stand for themselves. An object has exactly one member, which names
what it stands for: ``{"tuple": [...]}``, ``{"dict": {...}}`` or ``{"exception": "RuntimeError"}``.

A test compares each load in the source of the installed Docket with this list; `install` refuses any other release.
"""

import importlib
import json
import logging
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Never

from redis.exceptions import RedisError, ResponseError

from store.queue_damage import is_damage

if TYPE_CHECKING:
    from docket import Docket, Execution
    from docket.strikelist import StrikeInstruction

DOCKET_RELEASE = "0.27.0"
"""The release whose calls of ``cloudpickle.loads`` are known and replaced."""
MODULES = ("docket.execution", "docket.strikelist", "docket.worker")
"""The modules whose global name ``cloudpickle`` is replaced."""
MOST_BYTES = 64 * 1024
"""The most bytes of one value; the id and the number of a run take 100."""

_log = logging.getLogger(__name__)


class RefusedValue(ValueError):
    """A value that cannot be written as the queue's JSON, or bytes that are not the queue's JSON."""


class TaskFailed(Exception):
    """Stands for the error of a task; the queue keeps only the name of its type, since its text may hold a secret."""


def encode(value: object) -> bytes:
    """Return a value as JSON.

    Raises
    ------
    RefusedValue
        If the value, or one in it, is neither None, a boolean, a finite number, a text, an exception, nor a list, tuple
        or dictionary with texts for keys; or if there are more than `MOST_BYTES` bytes.
    """
    try:
        data = json.dumps(_tagged(value), allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise RefusedValue(f"the queue cannot hold a value of the type {type(value).__name__}: {error}") from None
    if len(data) > MOST_BYTES:
        raise RefusedValue(f"the queue holds values of at most {MOST_BYTES} bytes, not of {len(data)}")
    return data


def decode(data: bytes) -> Any:
    """Return the value that bytes stand for, as `encode` made them; nothing in them is run.

    Raises
    ------
    RefusedValue
        If they are anything else, such as a pickle.
    """
    if len(data) > MOST_BYTES:
        raise RefusedValue(f"{len(data)} bytes are more than the {MOST_BYTES} of a value")
    try:
        return _untagged(json.loads(data.decode(), parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        raise RefusedValue(f"{data[:40]!r} is not the queue's JSON: {error}") from None


def install() -> None:
    """Make Docket use `encode` and `decode` in this process from now on; a second call changes nothing.

    This imports Docket, which is slow, so call it where Docket is imported anyway.

    Raises
    ------
    RuntimeError
        If the installed Docket is not the release that this file was written for.
    """
    import docket  # noqa: PLC0415  # late, because Docket takes long to import
    from docket.execution import Execution  # noqa: PLC0415
    from docket.strikelist import StrikeInstruction  # noqa: PLC0415

    if docket.__version__ != DOCKET_RELEASE:
        raise RuntimeError(
            f"Docket {docket.__version__} is installed, and store/docket_codec.py replaces what Docket "
            f"{DOCKET_RELEASE} unpickles. Install that release, or compare the loads of the new one with "
            "tests/unit/store/test_docket_codec.py."
        )
    modules = [importlib.import_module(name) for name in MODULES]
    if all(vars(module)["cloudpickle"] is _CODEC for module in modules):
        return
    _skip_unreadable_strikes(StrikeInstruction)
    _drop_unreadable_messages(Execution)
    _forget_unreadable_records(Execution)
    docket.Docket.get_execution = _get_execution  # type: ignore[method-assign]
    for module in modules:
        vars(module)["cloudpickle"] = _CODEC


_CODEC = SimpleNamespace(dumps=encode, loads=decode)


def _tagged(value: object) -> object:
    # Exact types, since a subclass may hold more than JSON can express.
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_tagged(each) for each in value]
    if type(value) is tuple:
        return {"tuple": [_tagged(each) for each in value]}
    if type(value) is dict and all(type(key) is str for key in value):
        return {"dict": {key: _tagged(each) for key, each in value.items()}}
    if isinstance(value, BaseException):
        return {"exception": type(value).__name__}
    raise RefusedValue(f"{type(value).__name__} has no form in JSON")


def _untagged(value: Any) -> Any:
    match value:
        case list():
            return [_untagged(each) for each in value]
        case {"tuple": list(members), **rest} if not rest:
            return tuple(_untagged(each) for each in members)
        case {"dict": dict(members), **rest} if not rest:
            return {key: _untagged(each) for key, each in members.items()}
        case {"exception": str(name), **rest} if not rest:
            return TaskFailed(name)
        case dict():
            raise RefusedValue("an object has no member that says what it stands for")
        case _:
            return value


def _refuse_constant(name: str) -> Never:
    raise RefusedValue(f"{name} is no number of JSON")


def _drop_unreadable_messages(execution_class: "type[Execution]") -> None:
    """Replace a message that cannot be read by a task that does nothing.

    Docket's worker stops at an error here, and so does the next worker at the same message. The task that does nothing
    is acknowledged and deleted like any other. It has the key of the message, if that can be read: then the queue
    accepts the run again, and our record of the run still has it queued.
    """
    read = execution_class.from_message

    async def from_message(
        docket: "Docket", message: dict[bytes, bytes], redelivered: bool = False, **options: Any
    ) -> "Execution":
        try:
            execution = await read(docket, message, redelivered, **options)
            _check_readable(execution)
        except (RedisError, OSError):
            raise
        except Exception as error:
            message_id = options.get("message_id") or b""
            _log.error("dropped message %r of the queue %s, unread: %s", message_id, docket.name, _short(error))
            return _unreadable(execution_class, docket, message, message_id)
        return execution

    execution_class.from_message = staticmethod(from_message)  # type: ignore[method-assign,assignment]


def _check_readable(execution: "Execution") -> None:
    """Refuse values at which the worker would fail before it has begun the task."""
    if type(execution.args) is not tuple or type(execution.kwargs) is not dict:
        raise RefusedValue("the arguments are not a tuple and a dictionary")
    execution.when.timestamp()


def _unreadable(
    execution_class: "type[Execution]", docket: "Docket", message: dict[bytes, bytes], message_id: bytes
) -> "Execution":
    key = _text(message.get(b"key", b"")) or f"unreadable:{_text(message_id)}"
    generation = _text(message.get(b"generation", b""))
    return execution_class(
        docket,
        _do_nothing,
        (),
        {},
        key,
        datetime.now(UTC),
        attempt=1,
        generation=int(generation) if generation.isdecimal() and len(generation) < 16 else 0,
        message_id=message_id,
    )


async def _do_nothing() -> None:
    """Stand for a task that could not be read."""


def _forget_unreadable_records(execution_class: "type[Execution]") -> None:
    """Delete a task's record in the queue if it cannot be read when the task begins, and try once more.

    Docket's worker stops at an error here. On the second try it finds that another run has taken the key, and drops the
    message; our own record still has the run queued.
    """
    claim = execution_class.claim

    async def claim_readable(self: "Execution", worker: str) -> bool:
        try:
            return await claim(self, worker)
        except ResponseError as error:
            if not is_damage(error):
                raise
            reason: Exception = error
        except ValueError as error:
            reason = error
        _log.error("deleted the record of %r in the queue %s, unread: %s", self.key, self.docket.name, _short(reason))
        async with self.docket.redis() as redis:
            await redis.delete(self.docket.runs_key(self.key), self.docket.key(f"progress:{self.key}"))
        return await claim(self, worker)

    execution_class.claim = claim_readable  # type: ignore[method-assign]


def _skip_unreadable_strikes(instruction_class: "type[StrikeInstruction]") -> None:
    """Replace a strike instruction that cannot be read by one that changes nothing.

    Docket reads the strikes before it lets a worker begin, and would try to read this one for ever.
    """
    from docket.strikelist import Operator, Restore  # noqa: PLC0415

    read = instruction_class.from_message

    def from_message(message: dict[bytes, bytes]) -> "StrikeInstruction":
        try:
            return read(message)
        except Exception as error:
            _log.error("skipped an instruction to strike tasks, unread: %s", _short(error))
            return Restore(None, None, Operator.EQUAL, None)

    instruction_class.from_message = staticmethod(from_message)  # type: ignore[method-assign]


async def _get_execution(self: "Docket", key: str) -> Never:
    raise NotImplementedError("Docket.get_execution would unpickle a task's arguments: read the run's own record")


def _short(error: Exception) -> str:
    """Return the type and the text of an error, cut to a length that suits a line of a log."""
    return f"{type(error).__name__}: {error}"[:200]


def _text(data: bytes) -> str:
    return data.decode("ascii", errors="ignore") if data.isascii() else ""
