"""Test the refusals of requests whose ordering has concepts of its own."""

from unit.concept_orderings.strategies import Body

from .refusals import Refusal, each_of

STREAM = "/ordering/stream"

NO_STRINGS: tuple[object, ...] = (5, True, ["icarl/cifar100"], {})


def published() -> Body:
    """Return a request for all concepts of a published stream."""
    ordering = {"kind": "published", "stream": "icarl/cifar100"}
    return {"name": "first", "ordering": ordering, "tasks": {"count": 1}}


def unknown(stream: str, detail: str) -> Refusal:
    return Refusal(f"stream {stream:.20}", {STREAM: stream}, "unknown_published_stream", [STREAM], detail, published)


def foreign(changes: dict[str, object], pointers: list[str], detail: str) -> Refusal:
    return Refusal(f"foreign: {detail}", changes, "not_in_published_stream", pointers, detail, published)


REFUSALS = [
    unknown("similarity_sequence_3", "did you mean fomo/similarity_sequence_3?"),
    unknown("fomo/random_sequence_reverse_1", "is its stream with `reverse`"),
    unknown("first@1", "GET /v1/published lists all"),
    unknown("", "There is no published stream ''"),
    unknown("x" * 100_000, "GET /v1/published lists all"),
    Refusal("stream null", {STREAM: None}, "missing_field", [STREAM], 'such as "fomo/', published),
    Refusal("no stream", {STREAM: ...}, "missing_field", [STREAM], 'such as "fomo/', published),
    *(
        Refusal(f"stream {value!r}", {STREAM: value}, "bad_parameter", [STREAM], "is a JSON string", published)
        for value in NO_STRINGS
    ),
    Refusal("no seed", {"/ordering/seed": 1}, "unknown_parameter", ["/ordering/seed"], "stream, reverse", published),
    Refusal("no concept", {"/concepts": []}, "empty_class_list", ["/concepts"], "no concept", published),
    Refusal("no dataset", {"/datasets": []}, "empty_class_list", ["/datasets"], "no dataset", published),
    foreign({"/concepts": ["CIFAR100+++bear", "cifar100+++aple"]}, ["/concepts/1"], "did you mean 'apple'?"),
    foreign({"/concepts": ["DTD+++lacy", "DTD+++woven"]}, ["/concepts/0", "/concepts/1"], "concepts of CIFAR100"),
    foreign({"/datasets": "fomo"}, ["/datasets"], "and 35 more; leave them out"),
    foreign({"/datasets": [{"name": "dtd"}]}, ["/datasets/0/name"], "of the dataset DTD; leave it out"),
    foreign({"/datasets": [{"name": "cifar100", "classes": [["aple", "a"]]}]}, ["/datasets/0/classes/0"], "'apple'?"),
    foreign(
        {STREAM: "fomo/random_sequence_1", "/datasets": [{"name": "clevr", "classes": "list"}]},
        ["/datasets/0/classes"],
        "and 25 more; leave them out",
    ),
    foreign(
        {STREAM: "icarl/imagenet100", "/datasets": [{"name": "image-net", "classes": ["tench"]}]},
        ["/datasets/0/name"],
        "did you mean imagenet? Otherwise leave it out",
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()
