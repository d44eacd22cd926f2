"""The documentation as the tests read it: pages, their code blocks, links and headings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.processes import ROOT

README = ROOT / "README.md"
PAGES = [
    README,
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "bench/README.md", "docker/README.md")),
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?!https?:|mailto:)([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A code block.

    Attributes
    ----------
    language : str
        ``sh`` is run by the tests; ``console`` is shell that cannot be, such as what needs a network.
    text : str
    line : int
        Of its first line in the page, from 1.
    answer : str
        The ``json`` block that directly follows, if there is one: what the last command prints.
    """

    language: str
    text: str
    line: int
    answer: str = ""


def name_of(page: Path) -> str:
    """Return a page's path from the root of the repository."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[Block]:
    """Yield all code blocks of a page."""
    text = page.read_text(encoding="utf-8")
    found = list(_FENCE.finditer(text))
    for i, each in enumerate(found):
        following = found[i + 1] if i + 1 < len(found) else None
        is_answered = (
            following is not None and following[1] == "json" and not text[each.end() : following.start()].strip()
        )
        answer = following[2] if is_answered and following is not None else ""
        yield Block(each[1], each[2], text.count("\n", 0, each.start()) + 2, answer)


def prose(page: Path) -> str:
    """Return a page without its code blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Return the targets of all links to files and headings of the repository."""
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(prose(page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        n = 0
        while (numbered := anchor if n == 0 else f"{anchor}-{n}") in found:
            n += 1
        found.add(numbered)
    return found
