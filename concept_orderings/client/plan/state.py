"""The state of a cursor as JSON: where it is, and what decides its batches.

It names no rank, so that any number of ranks goes on.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from concept_orderings.client.errors import WrongState
from concept_orderings.client.plan.plan import Plan

STATE_FORMAT = 1
_EXPECTED = ("stream", "version", "digest", "seed")


def plan_state(name: str, version: int, plan: Plan, number: int) -> dict[str, Any]:
    """Return the state before step `number`, counted over all tasks; below 4 kB as JSON."""
    task, step = divmod(number, plan.steps)
    return {
        "format": STATE_FORMAT,
        "stream": name,
        "version": version,
        "digest": plan.digest,
        "task": task,
        "step": step,
        "seed": plan.parameters.seed,
        "parameters": plan.parameters.as_json(),
    }


def step_of_state(state: Any, expected: Mapping[str, Any], steps: int, tasks: int) -> int:
    """Return the number of the step that comes next, counted over all tasks.

    Parameters
    ----------
    state
        What was saved.
    expected
        A state of the cursor that loads it.
    steps, tasks
        Of the plan.

    Raises
    ------
    WrongState
        It belongs to another version, seed or parameters, which are named; or it is no state.
    """
    if not isinstance(state, Mapping) or "format" not in state:
        raise WrongState.of("This is no state of a cursor: what state_dict() returned was expected.")
    if state["format"] != STATE_FORMAT:
        raise WrongState.of(
            f"The state has the format {state['format']!r}, and this release reads {STATE_FORMAT}: install a later one."
        )
    different = [*_differences(state, expected, _EXPECTED), *_different_parameters(state, expected)]
    if different:
        raise WrongState.of(f"The state belongs to another plan: {'; '.join(different)}.")
    task, step = state.get("task"), state.get("step")
    if _is_number(task) and _is_number(step) and step < steps and task * steps + step <= tasks * steps:
        return task * steps + step
    raise WrongState.of(
        f"The state is at step {step!r} of task {task!r}, and the plan has {tasks:,} tasks of {steps:,} steps."
    )


def _different_parameters(state: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    found, own = state.get("parameters"), expected["parameters"]
    if not isinstance(found, Mapping):
        return [f"its parameters are {found!r}"]
    return _differences(found, own, [*own, *(name for name in found if name not in own)])


def _differences(found: Mapping[str, Any], own: Mapping[str, Any], names: Any) -> list[str]:
    return [
        f"its {name} is {found.get(name)!r}, and {own.get(name)!r} was expected"
        for name in names
        if found.get(name) != own.get(name)
    ]


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
