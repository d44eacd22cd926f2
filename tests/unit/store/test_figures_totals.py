"""Test the totals of figures, from what is counted in one process."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.metrics import Moment, render
from store.figures import Counted, Figures, Totals
from store.figures.declared import JOBS, REQUEST_SECONDS, REQUESTS
from store.runs import Load
from support.keys import KEYS
from support.parsed_metrics import parsed

pytestmark = pytest.mark.anyio


class NoRedis:
    """A Redis that is away."""

    async def type(self, key: str) -> bytes:
        raise ConnectionError(key)


def figures(counted: Counted) -> Figures:
    return Figures(cast(Any, NoRedis()), KEYS, counted)


@given(st.lists(st.floats(0, 100), max_size=30))
def test_a_histogram_counts_each_value_in_its_range(values: list[float]) -> None:
    counted = Counted()
    for each in values:
        counted.observe(REQUEST_SECONDS, each, "/v1")
    totals = Totals(counted.look(), complete=False).histogram(REQUEST_SECONDS)
    if not values:
        assert totals == {}
        return
    ((ranges, total),) = totals.values()

    bounds = [*REQUEST_SECONDS.bounds, float("inf")]
    for i, bound in enumerate(bounds):
        assert sum(ranges[: i + 1]) == sum(each <= bound for each in values)
    assert total == pytest.approx(sum(values))


async def test_without_redis_the_figures_of_this_process_are_kept_and_not_shown(tmp_path: Any) -> None:
    counted = Counted()
    counted.count(REQUESTS, "/v1/streams", "GET", "200")
    assert not await figures(counted).report()
    counted.count(REQUESTS, "/v1/streams", "GET", "200")
    totals = await figures(counted).totals()
    body, media_type = render(totals, Moment(redis=False, store=True, workers=None, load=None, data_dir=tmp_path), "")

    assert not totals.complete
    assert media_type.startswith("text/plain")
    found = parsed(body)
    assert totals.counter(REQUESTS) == {("/v1/streams", "GET", "200"): 2}
    assert not any(name == "concept_orderings_requests_total" for name, _ in found)
    assert found["concept_orderings_redis_up", ()] == 0
    assert not any(name == "concept_orderings_workers" for name, _ in found)


def test_labels_with_any_characters_are_read_back(tmp_path: Any) -> None:
    strange = ('a"b\n\\', "é,{}", "")
    counted = Counted()
    counted.count(REQUESTS, *strange)
    counted.observe(REQUEST_SECONDS, 2.0, strange[0])
    now = Moment(redis=True, store=True, workers=1, load=Load(3, 1, 2.5), data_dir=tmp_path)
    for accept in ("", "application/openmetrics-text; version=1.0.0"):
        found = parsed(render(Totals(counted.look(), complete=True), now, accept)[0], accept)
        assert found["concept_orderings_requests_total", (strange[1], strange[0], strange[2])] == 1
        assert found["concept_orderings_request_seconds_count", (strange[0],)] == 1
        assert found["concept_orderings_jobs_oldest_seconds", ()] == 2.5
    assert not any(name.startswith(JOBS.name + "_total") for name, _ in found)


async def test_fields_that_are_not_of_this_release_are_left_out() -> None:
    class Redis:
        async def hgetall(self, key: str) -> dict[bytes, bytes]:
            good = json.dumps([REQUESTS.name, "", "/v1", "GET", "200"])
            fewer, more = json.dumps([REQUESTS.name, "", "/v1"]), json.dumps([REQUESTS.name, "", *"abcd"])
            range_ = json.dumps([REQUEST_SECONDS.name, "\u00b2", "/v1"])
            return {each.encode(): b"1" for each in (good, fewer, more, range_, json.dumps([REQUESTS.name]), "7", "[]")}

    totals = await Figures(cast(Any, Redis()), KEYS, Counted()).totals()
    assert totals.complete
    assert totals.counter(REQUESTS) == {("/v1", "GET", "200"): 1}
    assert [sum(ranges) for ranges, _ in totals.histogram(REQUEST_SECONDS).values()] == [0]
