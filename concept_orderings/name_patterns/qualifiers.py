"""Names with remarks for the readers of a dataset: in parentheses, after a hyphen, or as an abbreviation."""

import re
from collections.abc import Sequence

from concept_orderings.name_patterns.base import Pattern, are_most, has_letter, traced, without

# Words in parentheses after an article belong to the sentence, as in "take (an object) from (a person)".
_REMARK = re.compile(r"[\s_]+\((?!(?:an?|the)[\s_])[^()]*\)")
_PARENTHESES = re.compile(r"[()]")
_PART_OF_ANNOTATION = re.compile(r"[-_](?:other[-_])?(?:merged|stuff|other|final)$")
# Genus, epithet, and perhaps that of a subspecies; then an author, such as L., (L.) Mill. or (Linnaeus, 1758).
_AUTHOR = re.compile(
    r"([A-Z][a-z]+(?: ×)?[_ ][a-z][a-z-]+(?:[_ ](?:subsp|ssp|var|f)\.[_ ][a-z-]+)?)[_ ]\(?[A-Z]\D*(?:[0-9]{4}\)?)?"
)
_WITH = re.compile(r"(?<=[\s_])w/(o(?=[\s_]))?[\s_]*(?=\w)")


def _without_remarks(name: str) -> str | None:
    rest = _REMARK.sub("", name)
    return rest if rest != name and has_letter(rest) else None


def _are_parts_of_annotation(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether names end like those of a dataset's annotation; most of them must for "final" and "other"."""
    return any(name.endswith(("merged", "stuff")) for name in matched) or are_most(names, matched)


def _without_author(name: str) -> str | None:
    found = _AUTHOR.fullmatch(name)
    return found[1] if found else None


def _are_species(names: Sequence[str], matched: Sequence[str]) -> bool:
    """Tell whether most names are species with authors, at least half of which are abbreviated or have a year."""
    marked = sum("." in name or "," in name for name in matched)
    return are_most(names, matched) and 2 * marked >= len(matched)


def _with(name: str) -> str | None:
    text = _WITH.sub(lambda found: "without " if found[1] else "with ", name)
    return text if text != name else None


AUTHORS = Pattern(
    "authors of species",
    "the author of a species after its name",
    "Lactuca virosa L.",
    "",
    traced(r"^[A-Z][a-z]+[_ ].*[_ ]\(?[A-Z]"),
    _without_author,
    is_likely=_are_species,
    in_captions=False,
)
REMARKS = Pattern(
    "remarks in parentheses",
    "a remark in parentheses",
    "crane (bird)",
    "(",
    traced(r"[\s_]\("),
    _without_remarks,
    rewrite_whole=without(_PARENTHESES),
    in_captions=False,
)
ANNOTATION = Pattern(
    "words about the annotation",
    "a word about the annotation at the end, such as merged, stuff or final",
    "sky-other-merged",
    "-_",
    traced("[-_](?:merged|stuff|other|final)$"),
    without(_PART_OF_ANNOTATION),
    is_likely=_are_parts_of_annotation,
)
ABBREVIATIONS = Pattern(
    "w/ for with",
    "the abbreviation w/ for with",
    "Truck Tractor w/ Box Trailer",
    "/",
    traced(r"[\s_]w/"),
    _with,
)
