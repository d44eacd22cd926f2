"""Find objects of other programs by the entry points in the metadata of installed packages.

`importlib.metadata` is imported where it is used: the import takes a tenth of the time in which `order` orders a small
file, and `order` rarely needs it.
"""

from typing import Any


def load(group: str, name: str) -> Any:
    """Import the object that a group of entry points declares under a name.

    Raises
    ------
    ModuleNotFoundError
        The group has no such name, or a module that the object needs is not installed.
    """
    from importlib.metadata import entry_points

    for each in entry_points(group=group, name=name):
        return each.load()
    raise ModuleNotFoundError(f"no installed package declares {name!r} among its {group}")


def load_all(group: str) -> list[Any]:
    """Import all objects of a group of entry points.

    Raises
    ------
    ModuleNotFoundError
        A module that an object needs is not installed.
    """
    from importlib.metadata import entry_points

    return [each.load() for each in entry_points(group=group)]
