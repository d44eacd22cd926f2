"""Parts of programs, found by the names under which the metadata of installed packages declares them.

`importlib.metadata` is imported where it is used: it takes a tenth of the time in which `order` orders a small file,
and `order` rarely needs it.
"""

from typing import Any


def load(group: str, name: str) -> Any:
    """Import what is declared under a name in a group of entry points.

    Raises
    ------
    ModuleNotFoundError
        Nothing is declared under this name, or a module that it needs is not installed.
    """
    from importlib.metadata import entry_points

    for each in entry_points(group=group, name=name):
        return each.load()
    raise ModuleNotFoundError(f"no installed package declares {name!r} among its {group}")


def load_all(group: str) -> list[Any]:
    """Import everything that is declared in a group of entry points.

    Raises
    ------
    ModuleNotFoundError
        A module that one of them needs is not installed.
    """
    from importlib.metadata import entry_points

    return [each.load() for each in entry_points(group=group)]
