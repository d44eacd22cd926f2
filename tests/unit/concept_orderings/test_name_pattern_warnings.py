"""Test the warnings of names that are not written as people write them."""

from typing import Any

import pytest

from concept_orderings.library import foreseen_warnings
from concept_orderings.name_pattern_warnings import MOST_WARNINGS, not_running_text
from concept_orderings.request import parse_request
from concept_orderings.stream_warnings import StreamWarning, WarningCode

COUNTED = {"kind": "frequency", "source": "c4"}
PLACES = ["/b/beach", "/b/bus_station/indoor", "/c/canyon"]


def warnings_of(ordering: dict[str, Any], *datasets: dict[str, Any]) -> list[StreamWarning]:
    body = {"name": "s", "datasets": list(datasets), "ordering": ordering, "tasks": {"count": 1}}
    return list(not_running_text(parse_request(body)))


def test_each_pattern_of_a_dataset_is_warned_of_with_queries_to_copy() -> None:
    [settings, letters] = warnings_of(COUNTED, {"name": "places", "classes": PLACES, "year": 2017})[::-1]

    assert letters.code == WarningCode.NOT_RUNNING_TEXT
    assert letters.count == 3
    assert letters.concepts == ("places+++/b/beach", "places+++/b/bus_station/indoor", "places+++/c/canyon")
    assert letters.queries == {"/b/beach": "beach", "/b/bus_station/indoor": "bus station", "/c/canyon": "canyon"}
    assert letters.detail == (
        "3 of the 3 class names of places have a folder of one letter before the words ('/b/beach' for 'beach', "
        "'/b/bus_station/indoor' for 'bus station', '/c/canyon' for 'canyon'), which people do not write: their counts "
        "are too low; the queries of this warning, copied into the dataset, ask for what people write."
    )
    assert (settings.count, settings.queries) == (1, {"/b/bus_station/indoor": "bus station"})


def test_copied_queries_end_the_warning() -> None:
    [letters, settings] = warnings_of(COUNTED, {"name": "places", "classes": PLACES})
    dataset = {"name": "places", "classes": PLACES, "queries": {**letters.queries, **settings.queries}}
    assert not warnings_of(COUNTED, dataset)


def test_a_name_with_an_apostrophe_is_warned_of_until_it_has_a_query() -> None:
    dataset = {"name": "shoes", "classes": ["Levi's&#174; Shoes"]}
    [found] = warnings_of(COUNTED, dataset)
    assert found.queries == {"Levi's&#174; Shoes": ["Levi's Shoes", "Levi’s Shoes"]}
    assert not warnings_of(COUNTED, {**dataset, "queries": found.queries})


def test_a_warning_has_one_dataset_since_queries_belong_to_one() -> None:
    numbered = {"name": "birds", "classes": ["001.Black_footed_Albatross", "002.Laysan_Albatross"]}
    [of_birds, of_scenes] = warnings_of(COUNTED, {"name": "scenes", "classes": ["/b/beach"]}, numbered)
    assert [each.count for each in (of_birds, of_scenes)] == [2, 1]
    assert set(of_birds.queries) == set(numbered["classes"])
    assert of_scenes.detail.startswith("1 of the 1 class names of scenes has a folder")


def test_names_without_words_need_queries_that_the_client_writes() -> None:
    [found] = warnings_of(COUNTED, {"name": "tiny", "classes": ["n01440764", "n01443537"]})
    assert (found.count, found.queries) == (2, {})
    assert found.detail.endswith("give queries that name the classes in words.")


def test_the_first_50_names_have_a_query() -> None:
    names = [f"/c/class_{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(60)]
    [found] = warnings_of(COUNTED, {"name": "places", "classes": names})
    assert (found.count, list(found.queries)) == (60, sorted(names)[:50])
    assert found.detail.endswith(
        "queries of this warning for the first 50, copied into the dataset, ask for what people write."
    )


def test_captions_are_warned_of_what_an_encoder_reads_badly() -> None:
    dataset = {"name": "places", "classes": ["/b/beach", "crane (bird)"], "template": "A photo of a {}."}
    [found] = warnings_of({"kind": "similarity"}, dataset)
    assert (found.count, found.concepts, found.queries) == (1, ("places+++/b/beach",), {})
    assert found.detail.endswith("encoders read them badly; give the classes names as people write them.")


@pytest.mark.parametrize("ordering", [{"kind": "random"}, {"kind": "frequency"}])
def test_orderings_that_read_no_names_are_not_warned_of(ordering: dict[str, Any]) -> None:
    counts = dict.fromkeys(PLACES, 1) if ordering["kind"] == "frequency" else None
    assert not warnings_of(ordering, {"name": "places", "classes": PLACES, "counts": counts})


def test_there_are_at_most_100_warnings() -> None:
    datasets = [{"name": f"d{i}", "classes": ["/b/beach", "001.cat"]} for i in range(100)]
    assert len(warnings_of(COUNTED, *datasets)) == MOST_WARNINGS


def test_the_warnings_are_foreseen() -> None:
    body = {"name": "s", "datasets": [{"name": "p", "classes": PLACES}], "ordering": COUNTED, "tasks": {"count": 1}}
    request = parse_request(body)
    assert [each for each in foreseen_warnings(request) if each.code == "not_running_text"] == list(
        not_running_text(request)
    )
