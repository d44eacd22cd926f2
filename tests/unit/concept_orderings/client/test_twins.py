"""Test that both clients have the same calls, with the same parameters."""

import inspect

import pytest

from concept_orderings.client import AsyncClient, AsyncStream, Client, Stream


def parameters(function: object) -> dict[str, tuple[object, object]]:
    assert callable(function)
    found = inspect.signature(function).parameters
    return {name: (each.annotation, each.default) for name, each in found.items()}


CALLS = sorted({name for kind in (Client, AsyncClient) for name, each in vars(kind).items() if inspect.isroutine(each)})
OTHER = {"run", "__enter__", "__exit__", "__aenter__", "__aexit__", "__reduce__"}


@pytest.mark.parametrize("name", [each for each in CALLS if each not in OTHER])
def test_a_call_has_a_twin(name: str) -> None:
    assert parameters(getattr(Client, name)) == parameters(getattr(AsyncClient, name))


def test_the_stream_to_await_has_what_waits() -> None:
    """All else is what it has in common with the other, or what its `load` returns has."""
    own = {name for name in vars(AsyncStream) if not name.startswith("_")}

    assert own == {"task", "load", "evidence", "verify"}
    assert {"evidence", "verify"} <= set(vars(Stream))
