"""Bodies that are posted again: answered without parsing, and never otherwise than after parsing."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from app import service
from app.bodies import Body
from app.known_requests import Identity, KnownRequest, KnownRequests
from app.parsing import Accepted, Decoded, decode, read_request
from app.service import Service
from app.settings import AppSettings
from concept_orderings.canonical import canonical_json
from concept_orderings.errors import StoreError
from concept_orderings.library import arrange_stream
from store.objects import open_objects
from store.versions import VersionRecord, Versions
from support.requests import random_request
from unit.concept_orderings.request.bodies import changed, counted, right
from unit.concept_orderings.strategies import Body as Content

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
REFRESH = {"/ordering/refresh": True}
DIGEST = "0" * 64


def known(name: str = "a", description: str | None = None) -> KnownRequest:
    return KnownRequest((Identity(name, DIGEST),), None, DIGEST, description)


# --- Which bodies mean the same at any time


@pytest.mark.parametrize(
    ("body", "lasting"),
    [
        (right(), True),
        (counted(), True),
        (changed({"/ordering/counted_since": "2026-01-01T00:00:00Z"}, counted), True),
        (changed(REFRESH, counted), False),
        (
            changed({"/ordering": {"kind": "time", "within": {**counted()["ordering"], "refresh": True}}}, counted),
            False,
        ),
        (changed({"/ordering/ties": {"stream": "fomo/frequency_base"}}, counted), None),
        (changed({"/ordering/ties": {"stream": "another@1"}}, counted), False),
        (changed({"/ordering/ties": {"digest": DIGEST}}, counted), False),
    ],
)
def test_what_depends_on_the_time_or_on_the_store_is_not_lasting(body: Content, lasting: bool | None) -> None:
    concepts = [f"{each['name']}+++{name}" for each in body["datasets"] for name in each["classes"]]
    orders = {"another@1": concepts, DIGEST: concepts}
    accepted = read_request(decode(canonical_json(body)), defaults={}, now=NOW, orders=orders)

    if lasting is None:  # the published stream has other concepts
        assert not isinstance(accepted, Accepted)
    else:
        assert isinstance(accepted, Accepted)
        assert accepted.lasting is lasting


# --- The key, and the memory


def test_a_body_has_other_keys_under_other_settings_and_in_other_scopes() -> None:
    hashers = [
        KnownRequests({}).hasher(),
        KnownRequests({}).hasher("a key"),
        KnownRequests({"default_encoder": "minilm"}).hasher(),
        KnownRequests({"default_encoder": "fake"}).hasher(),
    ]
    for each in hashers:
        each.update(b"{}")

    assert len({each.digest() for each in hashers}) == len(hashers)


def test_memory_is_bounded_and_the_oldest_are_dropped() -> None:
    requests = KnownRequests({}, most_bytes=10 * known(description="d" * 500).size)
    for number in range(100):
        requests.keep(number.to_bytes(32), known(description="d" * 500))
    requests.keep(b"far too large", known(name="n" * 100_000))

    kept = [number for number in range(100) if requests.get(number.to_bytes(32)) is not None]
    assert kept == list(range(90, 100))
    assert requests.get(b"far too large") is None


# --- The service


class Again:
    """A service whose store has the version of a body, and which has accepted the body once."""

    def __init__(self, directory: Path) -> None:
        self.service = Service(AppSettings(data_dir=directory, redis_url="unix:///nowhere/valkey.sock"))
        self.root = directory / "streams"
        self.parsed = 0
        self._parse = self.service.parse
        self.service.parse = self._count  # type: ignore[method-assign]

    async def _count(self, body: Body) -> Accepted:
        self.parsed += 1
        return await self._parse(body)

    async def publish(self, body: Content) -> VersionRecord:
        versions = Versions(open_objects(str(self.root)))
        accepted = read_request(decode(canonical_json(body)), defaults=self.service.defaults, now=datetime.now(UTC))
        assert isinstance(accepted, Accepted)
        for each in accepted.requests:
            record = await versions.publish(arrange_stream(each, {}))
        return record

    async def post(self, content: Content) -> tuple[KnownRequest, Any]:
        data = json.dumps(content).encode()
        key = self.service.known.hasher()
        key.update(data)
        answered = await self.service.find_or_enqueue_body(Body(data), key.digest())
        return answered.asked, answered.found


@pytest.fixture
def again(tmp_path: Path) -> Again:
    return Again(tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("more", [{}, {"variants": 3}, {"description": "The pilot study"}])
async def test_a_body_is_parsed_once_and_answered_alike(again: Again, more: Content) -> None:
    body = {**random_request("again", concepts=50), **more}
    await again.publish(body)
    first = await again.post(body)

    assert [await again.post(body) for _ in range(3)] == [first] * 3
    assert again.parsed == 1
    assert await again.post(dict(reversed(body.items()))) == first, "the same request"
    assert again.parsed == 2, "whose bytes are others"


@pytest.mark.anyio
async def test_a_description_that_is_posted_again_is_the_newest_again(again: Again) -> None:
    body = random_request("described")
    await again.publish(body)
    for text in ("one", "two", "one"):
        await again.post({**body, "description": text})
        assert await again.service.description("described") == text

    assert again.parsed == 2


@pytest.mark.anyio
async def test_what_is_not_lasting_is_parsed_each_time(again: Again, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(body: Decoded, **options: Any) -> object:
        accepted = read_request(body, **options)
        assert isinstance(accepted, Accepted)
        return replace(accepted, lasting=False)

    monkeypatch.setattr(service, "read_request", read)
    body = random_request("refreshed")
    await again.publish(body)
    for _ in range(3):
        await again.post(body)

    assert again.parsed == 3


def _remove(file: Path) -> None:
    file.unlink()


def _damage(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.anyio
@pytest.mark.parametrize("change", [_remove, _damage])
@pytest.mark.parametrize("pattern", ["versions/*.json", "requests/*.json"])
async def test_a_version_that_is_gone_or_damaged_is_searched_for_in_full(
    again: Again, change: Callable[[Path], None], pattern: str
) -> None:
    body = random_request("gone")
    await again.publish(body)
    await again.post(body)
    [file] = again.root.rglob(pattern)
    change(file)

    with pytest.raises((StoreError, RedisError)):  # there is no Redis to make it again with
        await again.post(body)
    assert again.parsed == 2


@pytest.mark.anyio
async def test_labels_that_were_not_stored_are_stored(again: Again) -> None:
    body = random_request("labelled")
    await again.publish(body)
    asked, _ = await again.post(body)
    again.service._stored_labels.clear()
    [file] = (again.root / "labels").glob(f"*/{asked.labels_digest}")
    file.unlink()
    await again.post(body)

    assert file.exists()
    assert again.parsed == 2


@pytest.mark.anyio
async def test_a_refused_body_is_not_known(again: Again) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="Expecting"):
            await again.service.find_or_enqueue_body(Body(b"no JSON"), b"key")

    assert again.service.known.get(b"key") is None
    assert again.parsed == 2
