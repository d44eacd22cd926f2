"""Command-line options for the parameters of all orderings, made from the registry."""

import argparse
import re
from typing import Any

from concept_orderings.orderings import ORDERINGS, Parameter
from concept_orderings.parameters import ALL_HAVE

PREFIX = "parameter_"
"""What the attributes of the namespace that hold parameters begin with."""


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Declare an option for each parameter of any ordering; without the option, the ordering's default holds."""
    seen = set()
    for kind, ordering in ORDERINGS.items():
        for each in ordering.parameters():
            if each.name in seen or not has_option(each):
                continue
            seen.add(each.name)
            parser.add_argument(option_of(each.name), **_option(kind, each))


def has_option(parameter: Parameter) -> bool:
    """Tell whether a parameter has an option; arrays have none, because the files list the concepts."""
    return parameter.type != "array of strings"


def option_of(name: str) -> str:
    """Return the option for a parameter."""
    return f"--{name.replace('_', '-')}"


def given_parameters(options: argparse.Namespace) -> dict[str, object]:
    """Return the parameters that the command line sets, by name."""
    named = {name.removeprefix(PREFIX): value for name, value in vars(options).items() if name.startswith(PREFIX)}
    return {name: value for name, value in named.items() if value is not None}


def _option(kind: str, parameter: Parameter) -> dict[str, Any]:
    """Return the arguments of argparse's `add_argument` for a parameter."""
    text = parameter.description if parameter.name in ALL_HAVE else f"{kind}: {parameter.description}"
    option: dict[str, Any] = {"dest": f"{PREFIX}{parameter.name}", "default": None, "help": text}
    if parameter.type == "boolean":
        return {**option, "action": "store_true"}
    return {
        **option,
        "type": {"integer": int, "string": str}.get(parameter.type, _integer_or_string),
        "choices": parameter.choices or None,
        "metavar": None if parameter.choices else parameter.name.upper(),
    }


def _integer_or_string(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]+", text) else text
