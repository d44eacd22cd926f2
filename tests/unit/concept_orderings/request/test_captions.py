"""Test templates, captions, and the parameters of the encoder."""

import ast
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.errors import InvalidInput
from concept_orderings.evidence import captions
from concept_orderings.evidence.captions import caption_rounds, captions_of
from concept_orderings.library import foreseen_warnings
from concept_orderings.request import StreamRequest, parse_request
from concept_orderings.stream_warnings import StreamWarning
from unit.concept_orderings.strategies import Body, requests

from .bodies import FIRST, changed
from .refusals import Refusal, each_of

TEMPLATE = f"{FIRST}/template"

BAD_ENCODERS: list[object] = [
    None,
    1,
    [],
    "\ud800",
    "a\0",
    "nonsense",
    "open_clip/",
    "open_clip/a/b/c",
    "minilm\n",
    "open_clip/" + "x" * 65,
]

FOREIGN = (
    *("{c}", "{class_name}", "{label}", "{0}", "{0!r:>10}", "{:s}", "{names[i]}", "{{c}}", "{{ c }}", "{!r}", "{ }"),
    *("%s", "%(name)s", "${name}", "$name", "<class>", "<class name>", "[CLASS]"),
)
"""Placeholders that other programs and papers write."""

REFUSALS = [
    *(
        Refusal(f"template {value!r}", {TEMPLATE: value}, "bad_template", [TEMPLATE], "{}")
        for value in ["", "A photo.", "{}\n", "{}\ud800"]
    ),
    *(
        Refusal(
            f"template with {placeholder}", {TEMPLATE: f"A {placeholder}."}, "bad_template", [TEMPLATE], "in 'A {}.'."
        )
        for placeholder in FOREIGN
    ),
    Refusal(
        "templates with placeholders of other languages",
        {TEMPLATE: ["A {c}.", "{}", "%s", "The {c}, a {c}."], "/datasets/1/template": "<class>"},
        "bad_template",
        [f"{TEMPLATE}/0", f"{TEMPLATE}/3"],
        "The template 'A {c}.' has '{c}' for the class name: write {} where the class name goes, as in 'A {}.'.",
    ),
    Refusal("template with two", {TEMPLATE: "A {size} {c}."}, "bad_template", [TEMPLATE], "'A {size} {c}.' needs {}"),
    Refusal("template a number", {TEMPLATE: 1}, "wrong_type", [TEMPLATE], "a number"),
    Refusal(
        "template in an array",
        {TEMPLATE: ["A {}.", "A photo.", "{}", "{"]},
        "bad_template",
        [f"{TEMPLATE}/1", f"{TEMPLATE}/3"],
        "'A photo.'",
    ),
    Refusal("template a number in an array", {TEMPLATE: ["{}", 1]}, "wrong_type", [f"{TEMPLATE}/1"], "a number"),
    Refusal(
        "template a number after one without its place",
        {TEMPLATE: ["A photo.", 1]},
        "wrong_type",
        [f"{TEMPLATE}/1"],
        "a number",
    ),
    Refusal(
        "template twice",
        {TEMPLATE: ["{}", "A {}.", "{}"]},
        "bad_template",
        [f"{TEMPLATE}/0", f"{TEMPLATE}/2"],
        "twice",
    ),
    Refusal("no template in the array", {TEMPLATE: []}, "bad_template", [TEMPLATE], "0 templates"),
    Refusal("too many templates", {TEMPLATE: [f"{i} {{}}" for i in range(1001)]}, "bad_template", [TEMPLATE], "1000"),
    Refusal(
        "similarity without template",
        {"/ordering/kind": "similarity", TEMPLATE: ...},
        "missing_templates",
        [TEMPLATE],
        "for ONE:",
    ),
    *(
        Refusal(
            f"encoder {value!r:.30}",
            {"/ordering": {"kind": "similarity", "encoder": value}},
            "bad_parameter",
            ["/ordering/encoder"],
            "encoder",
        )
        for value in BAD_ENCODERS
    ),
]


@each_of(REFUSALS)
def test_refused(refusal: Refusal) -> None:
    refusal.check()


def test_the_templates_of_all_datasets_are_refused_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_request(changed({TEMPLATE: ["A {c}.", "%s"], "/datasets/1/template": "<class>"}))

    assert [(each.code, each.pointers) for each in refused.value.faults] == [
        ("bad_template", (f"{TEMPLATE}/0",)),
        ("bad_template", (f"{TEMPLATE}/1",)),
        ("bad_template", ("/datasets/1/template",)),
    ]


@given(st.text("a{}%s$<>[].(): \0", max_size=12))
def test_a_template_is_accepted_if_its_placeholder_is_found(template: str) -> None:
    is_right = "{}" in template and "\0" not in template
    try:
        parse_request(changed({TEMPLATE: template}))
    except InvalidInput as error:
        assert not is_right
        _, _, meant = error.detail.partition(", as in ")
        if meant:  # the advice can be followed
            parse_request(changed({TEMPLATE: ast.literal_eval(meant.removesuffix("."))}))
    else:
        assert is_right


def literal(*templates: str, kind: str = "similarity") -> list[StreamWarning]:
    """Return the warnings of templates with text that looks like a placeholder."""
    request = parse_request(changed({TEMPLATE: list(templates), "/ordering/kind": kind}))
    return [each for each in foreseen_warnings(request) if each.code == "literal_placeholders"]


def test_what_looks_like_a_placeholder_and_is_none_is_warned_of() -> None:
    (warning,) = literal("A {}.", "A {{}}.", "{} in {place}")

    assert warning.count == 2
    assert warning.detail == (
        "2 templates have text that looks like a placeholder and stands in the captions as it is ('{{}}' in 'A {{}}.' "
        "of ONE, '{place}' in '{} in {place}' of ONE): only {} is replaced by the class name."
    )
    assert literal("A {}.", "{} and {}", "[{}]", "100% {}") == []
    assert literal("A {{}}.", kind="random") == []


def test_a_placeholder_in_a_class_name_is_not_replaced() -> None:
    awkward = {"name": "ONE", "classes": ["{}", "{0}", "{x!r}"], "template": "{} and {}, {1}"}
    body = changed({"/datasets": [awkward], "/ordering/kind": "similarity", "/tasks/count": 1})

    assert captions_of(parse_request(body).concepts) == ["{0} and {0}, {1}", "{x!r} and {x!r}, {1}", "{} and {}, {1}"]


def ensemble(*templates: object) -> StreamRequest:
    """Return a request for datasets of two, two and one concepts, with these templates."""
    classes = (["b", "a"], ["d", "c"], ["e"])
    datasets = [
        {"name": f"D{i}", "classes": names, "template": template}
        for i, (names, template) in enumerate(zip(classes, templates, strict=True))
    ]
    return parse_request(changed({"/datasets": datasets, "/ordering/kind": "similarity"}))


def test_captions_of_several_templates_come_in_rounds() -> None:
    request = ensemble(["the {}", "a {}", "{}"], "my {}", ["{}!", "{}?"])
    rounds = [(positions.tolist(), texts) for positions, texts in caption_rounds(request.concepts)]

    assert rounds == [
        ([0, 1, 2, 3, 4], ["a a", "a b", "my c", "my d", "e!"]),
        ([0, 1, 4], ["the a", "the b", "e?"]),
        ([0, 1], ["a", "b"]),
    ]
    with pytest.raises(ValueError, match="D0 has several templates"):
        captions_of(request.concepts)


def test_captions_of_one_template_are_one_round() -> None:
    request = ensemble("a {}", ["my {}"], "{}")
    ((positions, texts),) = caption_rounds(request.concepts)

    assert positions.tolist() == [0, 1, 2, 3, 4]
    assert texts == captions_of(request.concepts) == ["a a", "a b", "my c", "my d", "e"]


def test_no_templates_give_no_captions() -> None:
    request = parse_request(changed({"/datasets": [{"name": "ONE", "classes": ["a", "b"]}]}))

    assert list(caption_rounds(request.concepts)) == []
    assert captions_of(request.concepts) == []


def test_the_largest_number_of_templates_is_accepted() -> None:
    templates = [f"{i} {{}}" for i in range(1000)]

    first = ensemble(templates, "{}", "{}").concepts.datasets[0]
    assert captions.TEMPLATE.of(first) == tuple(sorted(templates))


def test_the_order_of_templates_does_not_matter() -> None:
    one = ensemble(["a {}", "b {}"], "{}", "{}").digest
    other = ensemble(["b {}", "a {}"], "{}", "{}").digest
    third = ensemble(["b {}", "a {}", "c {}"], "{}", "{}").digest

    assert one == other != third


def test_an_array_of_one_template_is_that_template() -> None:
    request = ensemble(["a {}"], ["{}", "b {}"], "{}")

    assert request.canonical == ensemble("a {}", ["b {}", "{}"], ["{}"]).canonical
    assert [each["template"] for each in json.loads(request.canonical)["datasets"]] == ["a {}", ["b {}", "{}"], "{}"]


@given(requests(kinds=["similarity"]))
def test_rounds_hold_each_caption_of_each_concept_once(body: Body) -> None:
    request = parse_request(body)
    found: dict[int, list[str]] = {i: [] for i in range(len(request.concepts))}
    for positions, texts in caption_rounds(request.concepts):
        assert (np.diff(positions) > 0).all()
        for position, caption in zip(positions.tolist(), texts, strict=True):
            found[position].append(caption)
    expected = [
        [template.replace("{}", name) for template in captions.TEMPLATE.of(each) or ()]
        for each in request.concepts.datasets
        for name in each.classes
    ]
    assert list(found.values()) == expected
