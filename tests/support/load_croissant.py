"""Validate Croissant files with mlcroissant, and load their records; a program of its own, like `run_on_libraries`.

Reads a JSON list of paths from standard input. Writes a JSON list: for each, the records of each record set.
"""

import json
import sys
from typing import Any

import mlcroissant


def main() -> None:
    found = []
    for path in json.load(sys.stdin):
        # Raises a ValidationError, as `mlcroissant validate` does.
        dataset = mlcroissant.Dataset(jsonld=path)
        sets = [each.uuid for each in dataset.metadata.record_sets]
        records = {name: [_plain(record) for record in dataset.records(record_set=name)] for name in sets}
        found.append({"errors": sorted(dataset.metadata.issues.errors), "records": records})
    json.dump(found, sys.stdout)


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    return {name.split("/")[-1]: _value(value) for name, value in record.items()}


def _value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


if __name__ == "__main__":
    main()
