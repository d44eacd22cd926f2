"""C4 in Elasticsearch, as What's-In-My-Big-Data serves it."""

import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx

MAPPING = {
    "dynamic": "strict",
    "properties": {
        "text": {"type": "text", "analyzer": "standard"},
        "url": {"type": "keyword"},
        "subset": {"type": "keyword"},
        "date": {"type": "date"},
        "timestamp": {"type": "date"},
    },
}
_SETTINGS = {"number_of_shards": 1, "number_of_replicas": 0}

_AT_ONCE = 2_000


def load_c4(http: httpx.Client, index: str, shard: Path, *, subset: str = "en", copies: int = 1) -> int:
    """Create an index of a shard of C4.

    Parameters
    ----------
    http : httpx.Client
        Client of the node.
    index : str
        Name of the index, which must not exist.
    shard : Path
        Gzipped JSON lines with ``text``, ``url`` and a date.
    subset : str
        Value of the field ``subset`` of each document.
    copies : int
        How many times each document is added.

    Returns
    -------
    int
        Number of documents in the index; searches find all of them.
    """
    http.put(f"/{index}", json={"settings": _SETTINGS, "mappings": MAPPING}).raise_for_status()
    for _ in range(copies):
        with gzip.open(shard) as lines:
            while batch := list(islice(_documents(lines, subset), _AT_ONCE)):
                _bulk(http, index, batch)
    http.post(f"/{index}/_refresh").raise_for_status()
    count = http.get(f"/{index}/_count").raise_for_status().json()
    assert count["_shards"]["failed"] == 0, count
    return int(count["count"])


def _documents(lines: gzip.GzipFile, subset: str) -> Iterator[bytes]:
    for line in lines:
        document: dict[str, Any] = json.loads(line)
        yield json.dumps({**document, "subset": subset}).encode()


def _bulk(http: httpx.Client, index: str, documents: list[bytes]) -> None:
    lines = b"".join(b'{"index":{}}\n' + document + b"\n" for document in documents)
    answer = http.post(f"/{index}/_bulk", content=lines, headers={"Content-Type": "application/x-ndjson"})
    result = answer.raise_for_status().json()
    if result["errors"]:
        first = next(item["index"] for item in result["items"] if "error" in item["index"])
        raise AssertionError(f"documents refused, the first of them: {first}")
