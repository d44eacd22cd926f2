"""Test that exporters give the same bytes for an arranged stream and for its stored documents, in each release."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import CannotExpress
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.exporters.fomo import Fomo, fomo_list
from concept_orderings.labels import listed_labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.request import listed_concepts, parse_request
from concept_orderings.stream import ArrangedStream
from concept_orderings.url_names import URL_NAME
from unit.concept_orderings.strategies import PLAIN_CHARACTERS, Body, requests

KINDS = ("performance", "time", "dataset", "random")

GOLDEN = {
    "fomo": (1, "025a3ed38991c98a5e457e6b9afc568762150a48a12dfcf05a02fd77664121c8"),
    "jsonl": (1, "2ee0914981525501d7e246f9504fa3742c2594471a955a0d327b0165290fe92b"),
    "tasks": (1, "69fffcf7d693209028cc016d195cf10dc881bafa018bc7a34d8555117eb61f40"),
}
"""By exporter: its version and the SHA-256 of its rendering of `golden`."""


class Whole(Exporter):
    """Renders everything that an exporter can read of a version."""

    name = "whole"
    media_type = "application/json"
    suffix = "json"
    summary = "Everything."

    def render(self, version: PublishedVersion) -> bytes:
        evidence = [concept["evidence"] for task in version.tasks for concept in task["concepts"]]
        whole = [version.stream, version.number, version.digest, version.manifest, version.sizes, evidence]
        return json.dumps([*whole, version.concepts]).encode()


def rendering(exporter: type[Exporter], version: PublishedVersion) -> bytes | str:
    """Return the bytes, or the sentence that says why the format cannot express the version."""
    try:
        return exporter().render(version)
    except CannotExpress as error:
        return error.detail


def arranged(body: Body) -> ArrangedStream:
    request = parse_request(body)
    return arrange_stream(request, evidence_at_hand(request))


def stored(stream: ArrangedStream, number: int) -> PublishedVersion:
    """Return the version that is read from the stream's documents."""
    tasks, _, manifest = stream.documents(number)
    return PublishedVersion.from_documents(VersionDocuments(manifest.data, tuple(task.data for task in tasks)))


def labelled(version: PublishedVersion, body: Body) -> PublishedVersion:
    """Return a version with the labels of the request's lists."""
    return replace(version, labels=listed_labels(listed_concepts(body)))


def golden() -> PublishedVersion:
    body: Any = {
        "name": "golden",
        "datasets": [{"name": "cifar100", "classes": ["café", "bear"]}, {"name": "MNIST", "classes": ["1", '"0"']}],
        "ordering": {"kind": "random", "seed": 1},
        "tasks": {"sizes": [1, 3]},
    }
    return labelled(arranged(body).published(7), body)


@pytest.mark.parametrize("exporter", [*EXPORTERS.values(), Whole])
@given(requests(KINDS), st.integers(1, 10**9))
def test_a_stream_and_its_stored_documents_give_the_same_bytes(
    exporter: type[Exporter], body: Body, number: int
) -> None:
    stream = arranged(body)
    rendered = rendering(exporter, labelled(stream.published(number), body))

    assert rendering(exporter, labelled(stored(stream, number), body)) == rendered
    assert rendering(exporter, labelled(stream.published(number), body)) == rendered


@given(requests(KINDS), st.integers(1, 10**9))
def test_a_version_has_the_contents_of_its_documents(body: Body, number: int) -> None:
    stream = arranged(body)
    version = stream.published(number)
    tasks, export, manifest = stream.documents(number)

    assert (version.stream, version.number) == (body["name"], number)
    assert version.digest == manifest.digest
    assert version.manifest == json.loads(manifest.data)
    assert version.tasks == [json.loads(task.data) for task in tasks]
    assert version.sizes == [each["concepts"] for each in version.manifest["tasks"]]
    assert Fomo().render(version) == export.data


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_exporter_that_changes_its_bytes_raises_its_version(name: str) -> None:
    exporter = EXPORTERS[name]
    found = (exporter.version, sha256_hex(exporter().render(golden())))

    assert name in GOLDEN, f"a new exporter: add {name!r}: {found} to GOLDEN"
    assert found == GOLDEN[name] or found[0] > GOLDEN[name][0], (
        f"the exporter {name} gives other bytes than before: raise its version, then put the new digest into GOLDEN"
    )
    assert found == GOLDEN[name], f"a new version of {name}: put {found} into GOLDEN"


@pytest.mark.parametrize("name", EXPORTERS)
def test_an_exporter_can_be_named_in_urls_and_files(name: str) -> None:
    exporter = EXPORTERS[name]

    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name)
    assert re.fullmatch(r"[a-z]+/[a-z0-9.+-]+", exporter.media_type)
    assert exporter.version >= 1
    assert exporter.summary.endswith(".")
    # File names are sent in a header, between quotation marks.
    assert URL_NAME.fullmatch(exporter().file_name("a", 1).lower())


def test_the_first_format_is_final() -> None:
    """The order_digest of every manifest is the digest of these bytes; a changed format must be another exporter."""
    assert (Fomo.name, Fomo.version, Fomo.final) == ("fomo", 1, True)


# --- fomo


@given(st.lists(st.text(PLAIN_CHARACTERS)))
def test_an_export_is_read_correctly_with_any_encoding(concepts: list[str]) -> None:
    data = fomo_list(concepts)

    for encoding in ("ascii", "utf-8", "latin-1", "cp1252"):
        assert json.loads(data.decode(encoding)) == concepts


def test_an_export_has_one_concept_a_line() -> None:
    assert fomo_list(["A+++a", 'B+++"b"']) == b'[\n    "A+++a",\n    "B+++\\"b\\""\n]\n'


# --- tasks


def test_tasks_are_lists_of_concepts() -> None:
    version = golden()

    rendered = EXPORTERS["tasks"]().render(version)
    assert json.loads(rendered) == version.concepts_by_task
    assert [len(task) for task in json.loads(rendered)] == [1, 3]
    assert rendered.isascii()
    assert rendered.endswith(b"\n")
