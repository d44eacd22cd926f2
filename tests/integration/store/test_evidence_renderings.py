"""Renderings of evidence: the first one is kept."""

import pytest

from concept_orderings.canonical import sha256_hex
from concept_orderings.errors import StoreError
from concept_orderings.stream import Document
from store import object_keys
from store.evidence_renderings import EvidenceRendering, EvidenceRenderings
from store.objects import Objects
from store.versions import Versions
from support.dying_store import DyingStore, Killed

pytestmark = pytest.mark.anyio

EVIDENCE = "0f" * 32


def rendering(text: str) -> Document:
    return Document(text.encode(), sha256_hex(text.encode()))


def parquet(objects: Objects, form_version: int = 1) -> EvidenceRenderings:
    return EvidenceRenderings(objects, "parquet", form_version)


async def test_the_first_rendering_is_kept(objects: Objects) -> None:
    assert await parquet(objects).find(EVIDENCE) is None
    kept = await parquet(objects).keep(EVIDENCE, rendering("one"))

    assert await parquet(objects).keep(EVIDENCE, rendering("two")) == kept
    assert await parquet(objects).find(EVIDENCE) == kept
    assert await Versions(objects).document(kept.digest) == b"one"
    assert EvidenceRendering.from_bytes(kept.to_bytes()) == kept
    # A later renderer, and other evidence, have renderings of their own.
    assert await parquet(objects, 2).find(EVIDENCE) is None
    assert await parquet(objects).find("1f" * 32) is None


@pytest.mark.parametrize("writes", range(2))
async def test_a_program_may_die_before_either_write(objects: Objects, writes: int) -> None:
    with pytest.raises(Killed):
        await parquet(DyingStore(objects, writes)).keep(EVIDENCE, rendering("one"))

    assert await parquet(objects).find(EVIDENCE) is None
    kept = await parquet(objects).keep(EVIDENCE, rendering("two"))
    assert await Versions(objects).document(kept.digest) == b"two"


@pytest.mark.parametrize("evidence", [EVIDENCE, "1f" * 32])
async def test_a_damaged_record_is_refused(objects: Objects, evidence: str) -> None:
    kept = EvidenceRendering(evidence=EVIDENCE, form="parquet", form_version=1, digest="2f" * 32, software="0")
    data = kept.to_bytes() if evidence != EVIDENCE else kept.to_bytes().replace(b"2f2f", b"3f3f")
    await objects.create(object_keys.evidence_rendering(evidence, "parquet", 1), data)

    with pytest.raises(StoreError) as refusal:
        await parquet(objects).find(evidence)
    assert refusal.value.code == "version_damaged"
