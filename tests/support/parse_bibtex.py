"""Parse BibTeX with pybtex; a program of its own, like `run_on_libraries`.

Reads a JSON list of texts from standard input. Writes a JSON list: for each text its entries by key.
"""

import json
import sys
from typing import Any

from pybtex.database import parse_string


def main() -> None:
    json.dump([_entries(each) for each in json.load(sys.stdin)], sys.stdout)


def _entries(text: str) -> dict[str, Any]:
    # The parser raises an error for a text that is no BibTeX, and for a key that occurs twice.
    found = parse_string(text, "bibtex").entries
    return {
        key: {
            "type": entry.type,
            "fields": dict(entry.fields),
            "authors": [str(each) for each in entry.persons["author"]],
        }
        for key, entry in found.items()
    }


if __name__ == "__main__":
    main()
