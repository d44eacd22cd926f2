"""Read uploaded counts files, as CSV, JSON lines or Parquet, into counts by folded name.

A count that is not an integer, and two different counts for one name, are errors: see `app.uploaded_tables`.
"""

from app.uploaded_tables import (
    CSV,
    JSON_LINES,
    JSONL,
    PARQUET,
    Column,
    Row,
    RowFault,
    Table,
    described,
    read_table,
)
from concept_orderings.canonical import LARGEST_INTEGER
from concept_orderings.errors import BadCountsFile
from concept_orderings.queries import folded
from concept_orderings.text import is_plain_text, shown

MEDIA_TYPES = {
    CSV: "CSV in UTF-8 with a header that has `name` and `count`; other columns are ignored.",
    JSON_LINES: "JSON lines: objects with `name` and `count`; other fields are ignored.",
    JSONL: "JSON lines, as above.",
    PARQUET: "Parquet with a string column `name` and an integer column `count`; other columns are ignored.",
}
"""The formats of counts files by media type, and what a file of each must contain."""

TABLE = Table(
    "counts file", (Column("name", "string"), Column("count", "integer")), "counts", "bad_counts_file", BadCountsFile
)


def read_counts(body: bytes, media_type: str, size: int | None = None) -> dict[str, int]:
    """Return the counts of a file by folded name.

    A large file takes seconds, so call this off the event loop.

    Parameters
    ----------
    body
        The file.
    media_type
        One of `MEDIA_TYPES`, or `app.uploaded_tables.ANY_FORMAT`.
    size
        The size of the corpus, in the unit of the counts; none may be larger.

    Raises
    ------
    BadCountsFile
        ``bad_counts_file`` or ``conflicting_counts``; the text names the line.
    """
    found = _Collected(size)
    read_table(body, media_type, TABLE, found.add)
    return found.counts


class _Collected:
    """The counts of the rows that were read, by folded name.

    Parameters
    ----------
    size
        The largest count allowed, or None.
    """

    def __init__(self, size: int | None) -> None:
        self.counts: dict[str, int] = {}
        self._lines: dict[str, int] = {}
        self._size = size

    def add(self, unit: str, row: Row) -> RowFault | None:
        """Add a row; return its fault if it is wrong."""
        number, (given, count) = row
        name = folded(given) if isinstance(given, str) else ""
        if reason := _wrong_name(given, name) or self._wrong_count(name, count):
            return TABLE.unusable(f"{unit} {number}: {reason}")
        assert isinstance(count, int)  # checked above
        if (first := self.counts.setdefault(name, count)) != count:
            return TABLE.fault(
                f"The counts file has two counts for {shown(name)}: {first} in {unit} {self._lines[name]} and "
                f"{count} in {unit} {number}; underscores, slashes and white space are read as one space",
                "conflicting_counts",
            )
        self._lines.setdefault(name, number)
        return None

    def _wrong_count(self, name: str, count: object) -> str | None:
        if type(count) is not int or not 0 <= count <= LARGEST_INTEGER:
            found = described(count)
            return f"the count of {shown(name)} is {found}, and a count is an integer from 0 to {LARGEST_INTEGER}"
        if self._size is not None and count > self._size:
            return f"the count of {shown(name)} is {count}, and the whole corpus has {self._size}"
        return None


def _wrong_name(given: object, name: str) -> str | None:
    """Return the reason why a name is wrong; `name` is its folded form."""
    if not isinstance(given, str):
        return f"the name is {described(given)} and must be a string"
    if not name:
        return "the name is empty"
    if not is_plain_text(name):
        return f"the name {shown(given)} has a control character or is not valid Unicode"
    return None
