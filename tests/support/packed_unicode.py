"""Write concept_orderings/data/look_alikes.json.xz: ``python -m support.packed_unicode DIRECTORY``.

The directory has ``confusables.txt`` of Unicode Technical Standard #39 and ``DerivedAge.txt`` of the Unicode Character
Database, both of Unicode 17.0.0 (``SOURCES`` has their SHA-256). They are on unicode.org, and are not kept here.
"""

import sys
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from concept_orderings.canonical import sha256_hex
from concept_orderings.data import LOOK_ALIKES
from support.packed_data import PACKED, packed

SOURCES: Mapping[str, str] = {
    "confusables.txt": "ec88ecebcf89f63f813d460842b0cf8322744b40a0b2c06f88a2cea48c0351ea",
    "DerivedAge.txt": "f8ecdf768bdc210f201abd271d9bc587825618a86a7046a8146cc816393f1998",
}
OLDEST = (14, 0)
"""The Unicode version of the oldest supported Python: later characters are read alike by every Python."""

_SIGNS_THAT_ARE_NO_SLIPS = 'm%"'
"""``m`` for ``rn``, ``"`` for two apostrophes, ``%`` for three signs: such are no slips, and "comet" and "cornet" would
have one skeleton. So each character of ASCII has one character as its prototype."""


def look_alikes(directory: Path) -> dict[str, Any]:
    """Return the content of look_alikes.json.xz."""
    text = {name: (directory / name).read_text(encoding="utf-8-sig") for name in SOURCES}
    assigned = [run for run, age in _rows(text["DerivedAge.txt"]) if tuple(map(int, age.split("."))) <= OLDEST]
    runs = _joined(sorted(assigned))
    known = {code_point for first, last in runs for code_point in range(first, last + 1)}
    given = {chr(run[0]): _characters(target) for run, target in _rows(text["confusables.txt"])}
    prototypes = {
        source: target
        for source, target in given.items()
        if ord(source) in known and known.issuperset(map(ord, target)) and source not in _SIGNS_THAT_ARE_NO_SLIPS
    }
    return {"assigned": runs, "prototypes": dict(sorted(_closed(prototypes).items()))}


def _rows(text: str) -> Iterator[tuple[tuple[int, int], str]]:
    """Yield the run of code points at the start of each line, and what follows the semicolon."""
    for line in text.splitlines():
        fields = [field.strip() for field in line.partition("#")[0].split(";")]
        if len(fields) > 1:
            first, _, last = fields[0].partition("..")
            yield (int(first, 16), int(last or first, 16)), fields[1]


def _characters(target: str) -> str:
    return "".join(chr(int(each, 16)) for each in target.split())


def _joined(runs: list[tuple[int, int]]) -> list[list[int]]:
    joined: list[list[int]] = []
    for first, last in runs:
        if joined and joined[-1][1] == first - 1:
            joined[-1][1] = last
        else:
            joined.append([first, last])
    return joined


def _closed(prototypes: Mapping[str, str]) -> dict[str, str]:
    """Return the prototypes of characters in their compatibility decomposition, in which names are looked up."""
    decomposed = {
        source: unicodedata.normalize("NFKD", target.replace("rn", "m").replace("''", '"'))
        for source, target in prototypes.items()
        if unicodedata.normalize("NFKD", source) == source
    }
    while True:
        table = str.maketrans(decomposed)
        again = {
            source: unicodedata.normalize("NFKD", target.translate(table)) for source, target in decomposed.items()
        }
        if again == decomposed:
            return {source: target for source, target in again.items() if source != target}
        decomposed = again


def main(directory: Path) -> None:
    """Write the file, after a check of its sources."""
    for name, digest in SOURCES.items():
        found = sha256_hex((directory / name).read_bytes())
        assert found == digest, f"{name} is not that of Unicode 17.0.0: its SHA-256 is {found}"
    (PACKED / f"{LOOK_ALIKES}.json.xz").write_bytes(packed(look_alikes(directory)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
