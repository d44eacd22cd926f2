"""Test that the tree of errors in the docstring is complete, and that errors can be copied."""

import ast
import copy
import inspect
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from concept_orderings import errors
from concept_orderings.errors import BadValue, ConceptOrderingsError, Fault
from concept_orderings.evidence import Need

CLASSES = [
    each
    for each in vars(errors).values()
    if inspect.isclass(each) and issubclass(each, ConceptOrderingsError) and each is not ConceptOrderingsError
]
NAMES = {"ConceptOrderingsError", *(each.__name__ for each in CLASSES)}
ROOT = Path(__file__).parents[3]
PACKAGES = ("concept_orderings", "store", "app", "worker", "launcher")
TREE = str(errors.__doc__).split("::\n\n")[1].split("\n\n")[0]


def codes_of_tree() -> dict[str, set[str]]:
    """Return the codes of each class in the tree."""
    found: dict[str, set[str]] = {}
    last = ""
    for line in TREE.splitlines():
        if name := re.search(r"[A-Z]\w+", line):
            last = name[0]
        # A long list of codes continues in the next line.
        found.setdefault(last, set()).update(re.findall(r"[a-z]+(?:_[a-z]+)+|cancelled$", line))
    return found


def bases_of_tree() -> dict[str, str]:
    """Return the base of each class in the tree."""
    bases: dict[str, str] = {}
    above: list[str] = []
    for line in TREE.splitlines():
        if name := re.match(r"[ │├└─]*([A-Z]\w+)", line):
            depth = (name.start(1) - 4) // 4
            above[depth:] = [name[1]]
            if depth:
                bases[name[1]] = above[depth - 1]
    return bases


def raised_codes() -> Iterator[tuple[str, str]]:
    """Yield class and code of every error that the project makes with a literal code."""
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=str(code)), *_]) if name in NAMES:
                    yield name, code


def test_the_tree_in_the_docstring_matches_the_classes() -> None:
    assert bases_of_tree() == {each.__name__: each.__bases__[0].__name__ for each in CLASSES}


def test_the_tree_in_the_docstring_has_every_code() -> None:
    tree = codes_of_tree()
    raised = sorted(set(raised_codes()))

    assert len(raised) > 10
    missing = [(name, code) for name, code in raised if code not in tree.get(name, ())]

    assert missing == [], "add these codes to the tree on top of concept_orderings/errors.py, after their classes"


def test_missing_evidence_has_a_code_for_each_kind_of_evidence() -> None:
    # A request without a template lacks embeddings.
    expected = {f"missing_{need}" for need in Need} | {"missing_templates"}

    assert codes_of_tree()["MissingEvidence"] == expected, (
        "missing evidence has the code missing_KIND: name it in the tree on top of concept_orderings/errors.py"
    )


@pytest.mark.parametrize("error", CLASSES)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_an_error_survives_a_copy(error: type[ConceptOrderingsError], duplicate: object) -> None:
    original = error("some_code", "What is wrong.", ["/a", "/b/0"])
    original.others = (Fault("another_code", "What else is wrong.", ("/c",)),)
    original.left_out = {"another_code": 7}
    found = duplicate(original)  # type: ignore[operator]

    assert type(found) is error
    assert (found.code, found.detail, found.pointers) == ("some_code", "What is wrong.", ("/a", "/b/0"))
    assert str(found) == "What is wrong."
    assert (found.faults, found.left_out) == (original.faults, original.left_out)


def test_an_error_is_stored_with_all_its_faults() -> None:
    error = BadValue("bad_year", "A year is an integer.", ["/a"])
    stored = {"code": "bad_year", "detail": "A year is an integer.", "pointers": ["/a"]}
    assert error.as_json() == stored

    error.others = (Fault("bad_name", "What else is wrong.", ("/c",)),)
    error.left_out = {"bad_name": 2}
    other = {"code": "bad_name", "detail": "What else is wrong.", "pointers": ["/c"]}
    assert error.as_json() == {**stored, "errors": [stored, other], "errors_left_out": {"bad_name": 2}}
