"""Command-line options for the parameters of all orderings, made from the registry."""

import argparse
import json
import re
from collections.abc import Mapping
from typing import Any

from concept_orderings.cli.ties_file import ties_of
from concept_orderings.orderings import ORDERINGS, Parameter
from concept_orderings.parameters import ALL_HAVE, WITHIN

_TIES = "a file with a JSON array or a line for each concept, or the name of a published stream"

_WITHIN = "its kind, with its parameters as options; or the whole object as JSON"

_IN_FILES = ("order",)

PREFIX = "parameter_"
"""What the attributes of the namespace that hold parameters begin with."""


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each parameter of any ordering; without the option, the ordering's default holds."""
    declared: dict[str, dict[str, Parameter]] = {}
    for kind, ordering in ORDERINGS.items():
        for each in ordering.parameters():
            if has_option(each):
                declared.setdefault(each.name, {})[kind] = each
    for name, by_kind in declared.items():
        parser.add_argument(option_of(name), **_option(by_kind))


def has_option(parameter: Parameter) -> bool:
    """Tell whether a parameter has an option; an order of all concepts has none, because the files list them."""
    return parameter.name not in _IN_FILES


def option_of(name: str) -> str:
    """Return the option for a parameter."""
    return f"--{name.replace('_', '-')}"


def ordering_of(options: argparse.Namespace) -> dict[str, object]:
    """Return the ordering of the options, as a request has it.

    A parameter that only the ordering of ``--within`` takes is one of that ordering.
    """
    outer, own = given_parameters(options), ORDERINGS[options.kind].parameters()
    within = outer.get(WITHIN)
    if not isinstance(within, Mapping) or WITHIN not in {each.name for each in own}:
        return {"kind": options.kind, **outer}
    inner = ORDERINGS.get(str(within.get("kind")))
    takes = {each.name for each in inner.parameters()} if inner else set()
    inside = {name: value for name, value in outer.items() if name in takes - {each.name for each in own}}
    others = {name: value for name, value in outer.items() if name not in inside}
    return {"kind": options.kind, **others, WITHIN: {**inside, **within}}


def given_parameters(options: argparse.Namespace) -> dict[str, object]:
    """Return the parameters that the command line sets, by name."""
    named = {name.removeprefix(PREFIX): value for name, value in vars(options).items() if name.startswith(PREFIX)}
    return {name: value for name, value in named.items() if value is not None}


def _option(by_kind: Mapping[str, Parameter]) -> dict[str, Any]:
    """Return the arguments of argparse's `add_argument` for a parameter, by the kinds of orderings that have it."""
    parameter = next(iter(by_kind.values()))
    option: dict[str, Any] = {"dest": f"{PREFIX}{parameter.name}", "default": None, "help": _help(by_kind)}
    if parameter.type == "boolean":
        return {**option, "action": "store_true"}
    if parameter.type == "array of strings":
        return {**option, "type": _listed, "metavar": "A,B,…"}
    if parameter.name == WITHIN:
        return {**option, "type": _within, "metavar": "KIND", "help": f"{option['help']} Here: {_WITHIN}"}
    if parameter.type == "object":
        return {**option, "type": ties_of, "metavar": "FILE", "help": f"{option['help']} Here: {_TIES}"}
    return {
        **option,
        "type": {"integer": int, "string": str}.get(parameter.type, _integer_or_string),
        # A parameter with a refusal of its own names the nearest of its choices, which argparse does not.
        "choices": (parameter.choices or None) if parameter.refusal is None else None,
        "metavar": None if parameter.choices and parameter.refusal is None else parameter.name.upper(),
    }


def _help(by_kind: Mapping[str, Parameter]) -> str:
    kinds: dict[str, list[str]] = {}
    for kind, each in by_kind.items():
        kinds.setdefault(each.description, []).append(kind)
    if next(iter(by_kind.values())).name in ALL_HAVE:
        return next(iter(kinds))
    choices = [name for each in by_kind.values() if each.refusal is not None for name in each.choices]
    one_of = f" Here: one of {', '.join(choices)}" if choices else ""
    return " ".join(f"{', '.join(each)}: {text}" for text, each in kinds.items()) + one_of


def _within(text: str) -> dict[str, object]:
    if not text.lstrip().startswith("{"):
        return {"kind": text}
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not JSON: {error}") from error


def _listed(text: str) -> list[str]:
    return text.split(",")


def _integer_or_string(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
