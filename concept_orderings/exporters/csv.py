"""The csv format: a table of the concepts for a spreadsheet."""

import csv
import io
import json
import re
from typing import ClassVar

from concept_orderings.canonical import Json
from concept_orderings.exporters.base import Exporter
from concept_orderings.exporters.rows import columns, rows
from concept_orderings.published import PublishedVersion

_FORMULA = re.compile(r"'*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""The beginning of a text that a spreadsheet computes, such as =1+1; with full-width signs, some do too."""


class Csv(Exporter):
    """A row for each concept, with its labels and its evidence."""

    name = "csv"
    media_type = "text/csv"
    suffix = "csv"
    names_stream = False
    summary = "A table of the concepts, for a spreadsheet: place, labels and evidence."
    has_labels: ClassVar[bool] = True

    def render(self, version: PublishedVersion) -> bytes:
        """See `Exporter.render`. UTF-8 with a byte order mark, by which Excel knows it; lines end as RFC 4180 says.

        A text that a spreadsheet would compute has an apostrophe before it, and so has one that begins with apostrophes
        and would be computed without them. To get the text itself, take one apostrophe away.
        """
        found = columns(version)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow([each.name for each in found])
        writer.writerows([_cell(value) for value in row.values()] for row in rows(found))
        return text.getvalue().encode("utf-8-sig")


def _cell(value: Json) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return f"'{value}" if _FORMULA.match(value) else value
        case list():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)
