"""Looks at counts: requests and answers are read as they were written."""

import json
import zlib

import pytest

from concept_orderings.errors import StoreError, UnreadableRequest
from concept_orderings.queries import Query
from store.looks import CountShown, Look, LookAnswer
from store.runs import Lane
from store.sources import SourceFacts, Unit

LOOK = Look("c4", (Query(("a", "b")), Query(('ç\u2028"',))), "2026-01-31T12:00:00Z")
ANSWER = LookAnswer(
    SourceFacts(
        name="c4", kind="elasticsearch", unit=Unit.DOCUMENTS, corpus="C4", query_form="as it is", fingerprint="0f" * 32
    ),
    [
        CountShown(query=Query(("a",)), value=2**53 - 1, approximate=True, counted_at="2026-01-31T12:00:01Z"),
        CountShown(query=Query(()), value=0, approximate=False, counted_at="2026-01-31T12:00:02Z", asked=False),
    ],
)


def test_a_look_is_read_as_it_was_written() -> None:
    submission = LOOK.submission(client="me")
    assert Look.of_canonical(submission.canonical) == LOOK
    assert submission.id == LOOK.id
    assert (submission.lane, submission.client, submission.steps) == (Lane.LOOK, "me", 2)
    assert submission.about == {"source": "c4"}


def test_the_id_depends_on_source_queries_and_time() -> None:
    others = [
        Look("pile", LOOK.queries, LOOK.counted_since),
        Look("c4", LOOK.queries[:1], LOOK.counted_since),
        Look("c4", LOOK.queries, ""),
    ]
    assert len({LOOK.id, *(each.id for each in others)}) == 4
    assert len(LOOK.id) == 32


@pytest.mark.parametrize(
    "later",
    [
        b'{"counted_since":"","queries":[["a"]],"query_form":"verbatim","source":"c4"}',
        b'{"counted_since":"","queries":[7],"source":"c4"}',
        b'{"counted_since":"","source":"c4"}',
        b"[]",
    ],
)
def test_a_look_of_a_later_release_is_told_apart(later: bytes) -> None:
    with pytest.raises(UnreadableRequest, match="later release") as refused:
        Look.of_canonical(later)
    assert refused.value.code == "request_of_later_release"


def test_an_answer_is_read_as_it_was_written() -> None:
    assert LookAnswer.from_bytes(ANSWER.to_bytes()) == ANSWER


def test_a_look_is_written_as_it_was_in_0_1_0() -> None:
    """Its id is derived from this form: after an upgrade, the same look must be found."""
    assert json.loads(LOOK.canonical) == {
        "source": "c4",
        "queries": [["a", "b"], ['ç\u2028"']],
        "counted_since": "2026-01-31T12:00:00Z",
    }


def test_an_answer_of_a_later_release_may_say_more_of_a_count() -> None:
    fields = json.loads(zlib.decompress(ANSWER.to_bytes()))
    fields["counts"] = [[*each, "more"] for each in fields["counts"]]
    fields["facts"]["licence"] = "CC0"
    assert LookAnswer.from_bytes(zlib.compress(json.dumps(fields).encode())) == ANSWER


def test_an_answer_of_0_1_0_does_not_say_what_was_not_asked() -> None:
    fields = json.loads(zlib.decompress(ANSWER.to_bytes()))
    fields["counts"] = [each[:4] for each in fields["counts"]]
    read = LookAnswer.from_bytes(zlib.compress(json.dumps(fields).encode()))

    assert [each.asked for each in read.counts] == [each.query.spellings != () for each in ANSWER.counts]


def test_an_answer_is_read_within_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.looks.MOST_ANSWER_BYTES", 100)
    with pytest.raises(StoreError, match="more than 100 bytes") as caught:
        LookAnswer.from_bytes(ANSWER.to_bytes())
    assert caught.value.code == "record_damaged"


@pytest.mark.parametrize("answer", ["?", "[]", '{"counts": []}', '{"counts": 7, "facts": {}}', '{"counts": [[1]]}'])
def test_a_damaged_answer_is_an_error_that_says_what_to_do(answer: str) -> None:
    for data in (answer.encode(), zlib.compress(answer.encode())):
        with pytest.raises(StoreError, match="Post the request again") as caught:
            LookAnswer.from_bytes(data)
        assert caught.value.code == "record_damaged"
