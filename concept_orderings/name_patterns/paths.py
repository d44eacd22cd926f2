"""Names that are paths: folders of one letter, groups and subgroups, and scenes divided into indoor and outdoor."""

import re
from collections.abc import Callable, Sequence

from concept_orderings.name_patterns.base import Pattern, are_most, has_letter, is_always_likely, traced

_LETTER = re.compile(r"/?([a-z])/(?=\1[\w-]{2})(.+)")
_SETTING = re.compile(r"(.+)(?:/(indoor|outdoor|interior|exterior)|[ _](indoor|outdoor))")
_KIND = re.compile(
    r"(.+)/(public|private|natural|urban|wild|cultivated|broadleaf|needleleaf|baseball|football|hockey|rodeo|soccer"
    r"|performance|sand|home)"
)
_SHARED_GROUPS = 2
"""Of names that are paths, this many or more have the same first part on average."""

_STATES = frozenset(
    {"back", "bendy", "front", "general", "healthy", "misc", "normal", "other", "others", "rigid", "side", "unknown"}
)
"""Last parts that mean nothing without the part before them, before which people write them."""

_SHORTEST = 3
"""The fewest letters of a last part that means something alone."""

_KINGDOM = "(?:Animalia|Plantae|Fungi|Chromista|Protozoa|Bacteria|Archaea)"
_LINEAGE = re.compile(rf"{_KINGDOM}(?:[ _/][^\W\d_]+){{4}}[ _/](\S.*)")


def _in_letter_folder(name: str) -> str | None:
    found = _LETTER.fullmatch(name)
    return found[2] if found else None


def _without_setting(name: str) -> str | None:
    found = _SETTING.fullmatch(name)
    return found[1] if found and has_letter(found[1]) else None


def _setting_first(name: str) -> str | None:
    found = _SETTING.fullmatch(name)
    return f"{found[2] or found[3]} {found[1]}" if found else None


def _kind_first(name: str) -> str | None:
    found = _KIND.fullmatch(name)
    return f"{found[2]} {found[1]}" if found else None


def _species(name: str) -> str | None:
    found = _LINEAGE.fullmatch(name)
    return found[1] if found else None


def _parts(name: str, separator: re.Pattern[str]) -> list[str]:
    return [part for each in separator.split(name) if has_letter(part := each.strip(" _-"))]


def _last_part(separator: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return the rewriting that keeps the last part of a path, such as ``car`` of ``object--vehicle--car``."""

    def rewrite(name: str) -> str | None:
        parts = _parts(name, separator)
        if len(parts) < 2:
            return None
        means_nothing = parts[-1].lower() in _STATES or len(parts[-1]) < _SHORTEST
        return _last_two(parts) if means_nothing else parts[-1]

    return rewrite


def _last_parts(separator: re.Pattern[str]) -> Callable[[str], str | None]:
    """Return the rewriting that keeps the last two parts of a path."""

    def rewrite(name: str) -> str | None:
        parts = _parts(name, separator)
        return _last_two(parts) if len(parts) >= 2 else None

    return rewrite


def _last_two(parts: Sequence[str]) -> str:
    group, last = parts[-2:]
    if last.lower() in _STATES:
        return f"{last} {group}"
    words = re.split(r"[\s_]+", last.lower())
    return last if group.lower() in words else f"{group} {last}"


def _share_groups(separator: re.Pattern[str]) -> Callable[[Sequence[str], Sequence[str]], bool]:
    """Return the test whether most names are paths, of which several begin with the same part."""

    def is_likely(names: Sequence[str], matched: Sequence[str]) -> bool:
        first = {separator.split(name, maxsplit=1)[0] for name in matched}
        return are_most(names, matched) and _SHARED_GROUPS * len(first) <= len(matched)

    return is_likely


def _path(
    name: str,
    what: str,
    example: str,
    signs: str,
    separator: str,
    is_likely: Callable[[re.Pattern[str]], Callable[[Sequence[str], Sequence[str]], bool]],
) -> Pattern:
    compiled = re.compile(separator)
    return Pattern(
        name,
        what,
        example,
        signs,
        traced(separator),
        _last_part(compiled),
        rewrite_whole=_last_parts(compiled),
        is_likely=is_likely(compiled),
    )


LETTERS = Pattern(
    "folders of one letter",
    "a folder of one letter before the words",
    "/b/beach",
    "/",
    traced("^/?[a-z]/"),
    _in_letter_folder,
)
SETTINGS = Pattern(
    "indoor and outdoor at the end",
    "indoor, outdoor, interior or exterior at the end",
    "bus_station/indoor",
    "/_ ",
    traced(r"[/ _](?:indoor|outdoor|interior|exterior)$"),
    _without_setting,
    rewrite_whole=_setting_first,
    in_captions=False,
)
KINDS = Pattern(
    "kinds of scenes at the end",
    "the kind of a scene at the end, after a slash",
    "stadium/baseball",
    "/",
    traced(rf"/{_KIND.pattern.partition('/')[2]}$"),
    _kind_first,
    in_captions=False,
)
LINEAGES = Pattern(
    "lineages of species",
    "the kingdom, phylum, class, order and family before the species",
    "Animalia Chordata Aves Passeriformes Corvidae Corvus corax",
    "",
    traced(rf"^{_KINGDOM}[ _/]"),
    _species,
)
GROUPS = _path(
    "groups before names",
    "the groups of the class before the words",
    "object--vehicle--car",
    "_->:\\",
    r"___|--|\s>\s|::|\\",
    lambda _: is_always_likely,
)
FOLDERS = _path(
    "folders", "folders before the words", "Fruit/Apple/Golden-Delicious", "/", "(?<! )/(?! )", _share_groups
)
DOTS = _path(
    "groups with dots",
    "groups divided by dots before the words",
    "vehicle.bus.rigid",
    ".",
    r"(?<=[a-z])\.(?=[a-z])",
    _share_groups,
)
