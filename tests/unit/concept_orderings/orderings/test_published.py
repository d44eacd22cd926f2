"""Test the ordering that takes the order of a published stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.asked_classes import listed_concepts, listed_pairs
from concept_orderings.canonical_request import read_canonical
from concept_orderings.catalogue import CATALOGUE
from concept_orderings.errors import InvalidInput, UnreadableRequest
from concept_orderings.exporters import EXPORTERS
from concept_orderings.exporters.citation import title_of
from concept_orderings.labels import catalogue_labels, listed_labels
from concept_orderings.library import arrange_request
from concept_orderings.orderings import ORDERINGS
from concept_orderings.published_streams import PUBLISHED_STREAMS, published_digest, published_order
from concept_orderings.request import parse_request
from unit.concept_orderings.benchmark import DATA, needs_benchmark

CIFAR = "icarl/cifar100"


def body_of(stream: object, **fields: Any) -> dict[str, Any]:
    reverse = {"reverse": fields.pop("reverse")} if "reverse" in fields else {}
    ordering = {"kind": "published", "stream": stream, **reverse}
    return {"name": "s", "ordering": ordering, "tasks": {"count": 1}, **fields}


def ordered(stream: str, **fields: Any) -> list[str]:
    (task,) = arrange_request(parse_request(body_of(stream, **fields))).concepts_by_task()
    return task


def faults_of(body: object) -> list[tuple[str, tuple[str, ...], str]]:
    with pytest.raises(InvalidInput) as caught:
        parse_request(body)
    return [(each.code, each.pointers, each.detail) for each in caught.value.faults]


FILES = sorted(path.stem for path in (DATA / "streams").glob("*.json") if not path.stem.startswith("debug"))


@needs_benchmark
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("reverse", [False, True], ids=["as published", "reversed"])
def test_the_export_has_the_bytes_of_the_published_file_but_for_the_final_newline(file: str, reverse: bool) -> None:
    name = file.replace("_reverse", "")
    published = (DATA / "streams" / f"{file}.json").read_bytes()
    stream = arrange_request(parse_request(body_of(f"fomo/{name}", reverse=reverse is (name == file))))
    export = stream.export().data.removesuffix(b"\n")

    assert json.loads(export) == (json.loads(published)[::-1] if reverse else json.loads(published))
    assert reverse or export == published.removesuffix(b"\n")


@needs_benchmark
def test_all_published_files_are_known() -> None:
    names = {f"fomo/{each.replace('_reverse', '')}" for each in FILES}

    assert names <= set(PUBLISHED_STREAMS)
    assert len(FILES) >= 18


@pytest.mark.parametrize("name", PUBLISHED_STREAMS)
def test_a_request_without_concepts_means_all_of_the_stream_s(name: str) -> None:
    request = parse_request(body_of(name))
    listed = parse_request(body_of(name, concepts=sorted(published_order(name))))
    stream = arrange_request(request)

    assert request.canonical == listed.canonical
    assert len(request.concepts) == PUBLISHED_STREAMS[name].concepts
    assert stream.export().digest == published_digest(name)
    assert stream.arrangement.details == {
        "published": {
            "origin": PUBLISHED_STREAMS[name].origin,
            "concepts": PUBLISHED_STREAMS[name].concepts,
            "order_digest": published_digest(name),
        }
    }


def test_null_means_that_the_concepts_are_left_out() -> None:
    same = parse_request(body_of(CIFAR)).canonical

    assert parse_request(body_of(CIFAR, concepts=None, datasets=None)).canonical == same
    assert parse_request(body_of(CIFAR, datasets=[{"name": "cifar100"}], strict=True)).canonical == same


@given(st.lists(st.sampled_from(published_order(CIFAR)), min_size=1, unique=True), st.booleans())
def test_some_concepts_keep_their_relative_order(some: list[str], reverse: bool) -> None:
    expected = [each for each in published_order(CIFAR) if each in set(some)]

    assert ordered(CIFAR, concepts=some, reverse=reverse) == (expected[::-1] if reverse else expected)


def test_all_classes_of_the_benchmark_s_datasets_are_those_of_its_streams() -> None:
    assert ordered("fomo/random_sequence_1", datasets="fomo") == list(published_order("fomo/random_sequence_1"))


def test_a_part_keeps_the_labels_of_the_whole() -> None:
    body = body_of("icarl/imagenet100")
    own = parse_request(body).ordering.own_concepts()

    assert listed_concepts(body, own) == list(published_order("icarl/imagenet100"))
    assert listed_labels(listed_pairs(body, own)).digest == catalogue_labels(own).digest


def test_the_name_is_the_identity_and_a_later_name_is_left_to_a_later_release() -> None:
    request = parse_request(body_of(CIFAR))
    canonical = json.loads(request.canonical)

    assert canonical["ordering"] == {"kind": "published", "version": 1, "stream": CIFAR, "reverse": False}
    assert read_canonical(request.canonical).ordering == request.ordering
    for wrong in ("icarl/cifar1000", None):
        with pytest.raises(UnreadableRequest):
            read_canonical(request.canonical.replace(json.dumps(CIFAR).encode(), json.dumps(wrong).encode()))


@pytest.mark.parametrize(
    ("stream", "code", "text"),
    [
        ("similarity_sequence_3", "unknown_published_stream", "did you mean fomo/similarity_sequence_3?"),
        ("fomo/random_sequence_reverse_1", "unknown_published_stream", "is its stream with `reverse`"),
        ("my-stream@3", "unknown_published_stream", "GET /v1/published lists all"),
        ("", "unknown_published_stream", "There is no published stream ''"),
        ("x" * 100_000, "unknown_published_stream", "GET /v1/published lists all"),
        (5, "bad_parameter", "is a JSON string"),
        (None, "missing_field", 'give one, such as "fomo/'),
    ],
)
def test_another_stream_is_refused_once(stream: object, code: str, text: str) -> None:
    # Without the stream, its concepts are not known: they are not missing.
    [(found, pointers, detail)] = faults_of(body_of(stream))

    assert (found, pointers) == (code, ("/ordering/stream",))
    assert text in detail
    assert len(detail) < 300


def test_a_misspelt_word_is_one_fault() -> None:
    body = body_of(CIFAR)
    kind = {**body, "ordering": {"kind": "publishd", "stream": CIFAR}}
    parameter = {**body, "ordering": {"kind": "published", "streem": CIFAR}}

    assert [code for code, _, _ in faults_of(kind)] == ["unknown_ordering"]
    assert [code for code, _, _ in faults_of(parameter)] == ["unknown_parameter"]


def test_other_orderings_need_concepts() -> None:
    for kind, ordering in ORDERINGS.items():
        if not ordering.has_own_concepts:
            codes = [code for code, _, _ in faults_of({**body_of(CIFAR), "ordering": {"kind": kind}})]
            assert "missing_concepts" in codes
    assert [code for code, _, _ in faults_of({"name": "s", "tasks": {"count": 1}})] == [
        "missing_field",
        "missing_concepts",
    ]


def test_an_empty_list_is_no_list_left_out() -> None:
    for field in ("concepts", "datasets"):
        assert [code for code, _, _ in faults_of(body_of(CIFAR, **{field: []}))] == ["empty_class_list"]


def test_concepts_that_the_stream_lacks_are_all_named() -> None:
    datasets = [
        {"name": "cifar100", "classes": ["aple", "bear", ["pare", "fruit"]]},
        {"name": "dtd"},
        {"name": "my-gadgets", "classes": ["smart ring"]},
    ]
    found = faults_of(body_of(CIFAR, datasets=datasets))
    concepts = faults_of(body_of(CIFAR, concepts=["CIFAR100+++bear", "cifar100+++aple", "DTD+++striped", "DTD+++lacy"]))

    assert {code for code, _, _ in (*found, *concepts)} == {"not_in_published_stream"}
    assert [pointers for _, pointers, _ in found] == [
        ("/datasets/0/classes/0",),
        ("/datasets/0/classes/2",),
        ("/datasets/1/name",),
        ("/datasets/2/name",),
    ]
    assert [pointers for _, pointers, _ in concepts] == [("/concepts/1",), ("/concepts/2", "/concepts/3")]
    details = {pointers: detail for _, pointers, detail in found}
    assert details["/datasets/0/classes/0",] == (
        "The published stream icarl/cifar100 has no concept 'CIFAR100+++aple'; did you mean 'apple'? Otherwise leave "
        "it out, or choose another ordering."
    )
    assert details["/datasets/1/name",] == (
        "The published stream icarl/cifar100 has no concept of the dataset DTD; leave it out, or choose another "
        "ordering. It has concepts of CIFAR100."
    )


def test_what_stands_for_many_names_is_one_fault() -> None:
    [everything] = faults_of(body_of(CIFAR, datasets="fomo"))
    [whole] = faults_of(body_of("fomo/random_sequence_1", datasets=[{"name": "clevr", "classes": "list"}]))

    assert everything[:2] == ("not_in_published_stream", ("/datasets",))
    assert "and 35 more; leave them out" in everything[2]
    assert whole[:2] == ("not_in_published_stream", ("/datasets/0/classes",))
    assert whole[2].count("'CLEVR+++") == 5


def test_the_nearest_dataset_of_the_stream_is_named() -> None:
    [(_, _, near)] = faults_of(body_of("icarl/imagenet100", datasets=[{"name": "image-net", "classes": ["tench"]}]))

    assert "no concept of the dataset 'image-net'; did you mean imagenet? Otherwise leave it out" in near


def test_each_fault_of_another_kind_is_named_too() -> None:
    body = body_of(CIFAR, tasks={"count": 500}, strict=True, concepts=["CIFAR100+++aple"])

    assert [code for code, _, _ in faults_of(body)] == ["bad_task_count", "not_in_published_stream", "unknown_class"]
    assert [code for code, _, _ in faults_of(body_of(CIFAR, tasks={"count": 101}))] == ["bad_task_count"]


def test_inside_groups_each_group_has_the_order_of_the_stream() -> None:
    body = {**body_of(CIFAR), "ordering": {"kind": "dataset", "within": {"kind": "published", "stream": CIFAR}}}
    everything = parse_request({**body, "datasets": [{"name": "cifar100"}]})
    (task,) = arrange_request(parse_request(body)).concepts_by_task()

    assert task == list(published_order(CIFAR))
    assert everything.canonical == parse_request(body).canonical
    assert [code for code, _, _ in faults_of({**body, "datasets": [{"name": "dtd"}]})] == ["not_in_published_stream"]
    body["ordering"]["within"]["stream"] = "icarl/cifar"
    [(code, pointers, _)] = faults_of(body)
    assert (code, pointers) == ("unknown_published_stream", ("/ordering/within/stream",))


@pytest.mark.parametrize(
    ("reverse", "title"),
    [
        (False, "100 concepts in 1 task, in the order of icarl/cifar100 (iCaRL, arXiv 1611.07725)"),
        (True, "100 concepts in 1 task, in the reverse order of icarl/cifar100 (iCaRL, arXiv 1611.07725)"),
    ],
)
def test_a_citation_says_whose_order_it_is(reverse: bool, title: str) -> None:
    version = arrange_request(parse_request(body_of(CIFAR, reverse=reverse))).published(1)

    assert title_of(version).endswith(title)
    assert title.encode() in EXPORTERS["bibtex"]().render(version)


def test_the_catalogue_has_what_groups_of_a_stream_need() -> None:
    for name in ("fomo/time_incremental_rsagg_1", "icarl/imagenet100"):
        stream = arrange_request(parse_request(body_of(name, tasks={"by": "year"})))
        years = {each.name: each.year for each in CATALOGUE}
        tasks = [{years[concept.split("+++")[0]] for concept in task} for task in stream.concepts_by_task()]
        assert all(len(task) == 1 for task in tasks)
        assert len(tasks) == len({year for task in tasks for year in task})
