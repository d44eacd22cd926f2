"""Test that exporters give the same bytes for an arranged stream and for its stored documents, in each release."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.asked_classes import listed_pairs
from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.errors import CannotExpress, MissingLibrary
from concept_orderings.evidence.at_hand import evidence_at_hand
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.exporters.fomo import Fomo, fomo_list
from concept_orderings.labels import Labels, listed_labels
from concept_orderings.library import arrange_stream
from concept_orderings.published import PublishedVersion, VersionDocuments
from concept_orderings.request import parse_request
from concept_orderings.stream import ArrangedStream
from concept_orderings.url_names import URL_NAME
from unit.concept_orderings.strategies import PLAIN_CHARACTERS, Body, requests

FIXTURES = Path(__file__).parents[3] / "fixtures"

KINDS = ("performance", "time", "dataset", "random")

GOLDEN = {
    "fomo": (1, "025a3ed38991c98a5e457e6b9afc568762150a48a12dfcf05a02fd77664121c8"),
    "tasks": (1, "69fffcf7d693209028cc016d195cf10dc881bafa018bc7a34d8555117eb61f40"),
    "fomo-config": (1, "301526751552280af2f2ebe4c55bcfe1248c61e399db0b852f00fc2e0991789f"),
    "jsonl": (1, "2ee0914981525501d7e246f9504fa3742c2594471a955a0d327b0165290fe92b"),
    "csv": (1, "162a2685a88f2d69a80318cf0710c54a5441189cfa39340c11f89f73073d9d7a"),
    "parquet": (1, "05a113c3672b560f1d60f1fd930106727158136c5b42a98f81640a7e29daad65"),
    "avalanche": (1, "3151d3ce5c19e138df49f0b086e8408576d6a2677fd24fb1a35ee2b368146869"),
    "continuum": (1, "4efdf51cb1f2926da3522b9096a9cee542d12d0200b12b1ef966d0d22d1f4bfa"),
    "pycil": (1, "b8348e777595cda85cf8dbab4f173748e88ee36e42a0002f1c855fe8977caf44"),
    "mammoth": (1, "ecd217bd001a5c3f0ecf9d33ebc3d4c35dec7e71b7ce87408407cb2065c7e6a6"),
    "mammoth-config": (1, "e342adf1b42eb6a6a26262855c7b6a459164e195bfd6011921ada559440f32c7"),
    "hf": (1, "7bd56a5eb259efaaad877f0f2e7efa1013085118dc93af78f6e103357bcac97f"),
    "streaming": (1, "8e1bbd276149b43c236394de55655372015bc33b78cc714c8eedcb6f2b49e59c"),
    "croissant": (1, "b297d2576a5e7cf664e007cbcd3c3a878923e311abbc3805e28ac8c50faf1551"),
    "bibtex": (1, "ba43736a7f4170013a67216424d2449439c47089f2db4b845331da6ab3842894"),
    "cff": (1, "1f4242a2fb11e280c39572ffcc44060c56a1dc09009f36bfad28bd6e52aa3f43"),
    "bundle": (1, "2d767d17f689c3e6cf34821589508f7fecda2cff7b6a31cf2b7b3069f6530721"),
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
    except MissingLibrary as error:
        pytest.skip(error.detail)


def arranged(body: Body) -> ArrangedStream:
    request = parse_request(body)
    return arrange_stream(request, evidence_at_hand(request))


def stored(stream: ArrangedStream, number: int) -> PublishedVersion:
    """Return the version that is read from the stream's documents."""
    tasks, _, manifest = stream.documents(number)
    version = PublishedVersion.from_documents(VersionDocuments(manifest.data, tuple(task.data for task in tasks)))
    return replace(version, evidence=lambda: {each.kind: each.data for each in stream.evidence_files})


def labelled(version: PublishedVersion, body: Body) -> PublishedVersion:
    """Return a version with the labels of the request's lists."""
    return replace(version, labels=listed_labels(listed_pairs(body)))


def golden_digest(name: str) -> str:
    """Return the digest of a rendering of `golden`; of Parquet, whose bytes depend on Arrow's release, its content."""
    parquet = pytest.importorskip("pyarrow.parquet") if name == "parquet" else None
    data = EXPORTERS[name]().render(golden(known=name == "fomo-config"))
    if parquet is not None:
        table = parquet.read_table(io.BytesIO(data))
        metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
        data = canonical_json([metadata, table.to_pylist(), [str(each.type) for each in table.schema]])
    return sha256_hex(data)


def golden(*, known: bool = False) -> PublishedVersion:
    """Return a version that is stored with the tests: a later release has more in a manifest, and so another digest.

    With `known`, its classes are some that the catalogue's datasets have.
    """
    text = (FIXTURES / "golden_version.json").read_text(encoding="utf-8")
    if known:
        text = text.replace("café", "otter").replace('\\"0\\"', "0")
    stored_version = json.loads(text)
    tasks = tuple(canonical_json(task) for task in stored_version["tasks"])
    version = PublishedVersion.from_documents(VersionDocuments(canonical_json(stored_version["manifest"]), tasks))
    labels = Labels({"CIFAR100": ("café", "bear"), "MNIST": ("1", '"0"')})
    return replace(version, labels=labels, published_on="2026-01-31")


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
    found = (exporter.version, golden_digest(name))

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
