"""JSON and JSON lines: lists, maps and the files of other libraries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TypeAlias

from concept_orderings.asked_classes import asked_datasets
from concept_orderings.checks import escape_pointer, is_integer
from concept_orderings.concepts import SEPARATOR
from concept_orderings.errors import BadValue, Fault
from concept_orderings.json_text import decode_json, why_not_json
from concept_orderings.label_files.base import (
    IDENTIFIER,
    Body,
    Labels,
    by_index,
    is_index,
    labels_of_pairs,
    named,
    unreadable,
)
from concept_orderings.label_files.tables import labels_of_objects
from concept_orderings.label_files.text import split_lines
from concept_orderings.text import shown

_LISTS = ("datasets", "concepts")
_Object: TypeAlias = Mapping[str, object]


def read_json(file: str, text: str, column: str | None) -> Labels | Body:
    """Read JSON: a list, a map between indices and classes, a request, or a file of another library.

    Parameters
    ----------
    file
        The name of the file, for errors.
    text
        Its content.
    column
        The name with the classes in JSON objects, or the feature with them; by default the only one there is.

    Raises
    ------
    BadValue
        ``bad_file``; ``duplicate_field``: an object has a name twice.
    """
    value = _decoded(file, text)
    if isinstance(value, list):
        return _of_list(file, value, [f"/{i}" for i in range(len(value))], column)
    if isinstance(value, dict):
        return _of_object(file, value, column)
    raise unreadable(file, "has neither a JSON list nor an object.")


def read_json_lines(file: str, text: str, column: str | None) -> Labels:
    """Read a JSON value per line, as if they stood in one list; see `read_json`."""
    lines = [(f"line {number}", line) for number, line in enumerate(split_lines(text), 1) if line.strip()]
    values = [_decoded(f"{file}: {place}", line) for place, line in lines]
    return _of_list(file, values, [place for place, _ in lines], column)


def _decoded(file: str, text: str) -> object:
    try:
        return decode_json(text.encode())
    except BadValue as error:
        raise _in_file(file, error) from error
    except (ValueError, RecursionError) as error:
        python = " Python's notation is not JSON; write the value with json.dump." if "'" in text[:1000] else ""
        raise unreadable(file, f"is not JSON: {why_not_json(error)}.{python}") from error


def _in_file(file: str, error: BadValue) -> BadValue:
    """Return an error whose sentences name the file and the places in it."""
    first, *others = [
        Fault(each.code, f"{file}: {each.detail} ({', '.join(each.pointers)})", each.pointers) for each in error.faults
    ]
    named_error = BadValue(first.code, first.detail, first.pointers)
    named_error.others, named_error.left_out = tuple(others), error.left_out
    return named_error


def _of_list(file: str, values: Sequence[object], places: Sequence[str], column: str | None) -> Labels:
    if all(isinstance(each, str) for each in values):
        return Labels(tuple(map(str, values)), tuple(places))
    if all(isinstance(each, list) for each in values):
        return _of_lists(file, [list(each) for each in values if isinstance(each, list)], places)
    if all(isinstance(each, str) or _are_names(each) for each in values):
        return _of_names(values, places)
    if all(isinstance(each, dict) for each in values):
        return labels_of_objects(file, [each for each in values if isinstance(each, dict)], places, column)
    kind = type(values[0]) if isinstance(values[0], list | dict) else str
    other = next(place for place, each in zip(places, values, strict=True) if not isinstance(each, kind))
    raise unreadable(file, f"has a list of which not all values are names: {other}.")


def _of_lists(file: str, lists: Sequence[Sequence[object]], places: Sequence[str]) -> Labels:
    """Return the concepts of tasks, the labels of pairs, or classes with all their names."""
    if all(isinstance(each, str) and SEPARATOR in each for each in chain.from_iterable(lists)):
        names = tuple(map(str, chain.from_iterable(lists)))
        of_each = (f"{place}/{i}" for place, each in zip(places, lists, strict=True) for i in range(len(each)))
        return Labels(names, tuple(of_each), sizes=tuple(map(len, lists)))
    pairs = [(str(each[0]), str(each[1])) for each in lists if len(each) == 2 and all(map(_is_cell, each))]
    if len(pairs) < len(lists):
        # Lists of one length may be rows of a table.
        if all(map(_are_names, lists)) and len(set(map(len, lists))) > 1:
            return _of_names(lists, places)
        raise unreadable(
            file,
            "has a list of lists that are neither tasks of DATASET+++class name nor pairs; if they are classes with "
            "their synonyms, write one without synonyms as a string.",
        )
    return labels_of_pairs(file, pairs, places)


def _of_names(values: Sequence[object], places: Sequence[str]) -> Labels:
    """Return classes that are given by a name, or by a list of a name and its synonyms, as the prompts of CLIP are."""
    names = [tuple(map(str, each)) if isinstance(each, list) else (str(each),) for each in values]
    labels = Labels(tuple(each[0] for each in names), tuple(places), synonyms=tuple(each[1:] for each in names))
    several = next((each for each in names if len(each) > 1), None)
    if several is None:
        return labels
    note = f"the first name of a list is that of the class, as {shown(several[0])}; the others are its synonyms"
    return labels.noted(note)


def _are_names(value: object) -> bool:
    """Tell whether a value is a list of class names, none of them a concept or an identifier."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(each, str) and SEPARATOR not in each and not IDENTIFIER.fullmatch(each) for each in value)


def _of_object(file: str, value: _Object, column: str | None) -> Labels | Body:
    for fits, read in _FORMS:
        if fits(value):
            return read(file, value, column)
    raise unreadable(
        file,
        f"has a JSON object with {named(value) or 'nothing'}, in which no class names are known to be. Read are: a "
        "request, index → class, class → index, `classes`, `categories`, `id2label` and `features`.",
    )


def _of_indices(file: str, value: _Object, _: str | None = None) -> Labels:
    """Read index → class, or index → [identifier, class]."""
    places = tuple(f"/{escape_pointer(name)}" for name in value)
    pairs = [each for each in value.values() if isinstance(each, list) and _has_identifier(each)]
    if len(pairs) == len(value):
        labels = labels_of_pairs(file, [(each[0], each[1]) for each in pairs], places)
    elif all(isinstance(each, str) for each in value.values()):
        labels = Labels(tuple(map(str, value.values())), places)
    else:
        raise unreadable(file, "has indices whose values are neither all names nor all [identifier, name].")
    return by_index(file, [int(name) for name in value], labels)


def _of_classes(file: str, value: _Object, _: str | None = None) -> Labels:
    """Read class → index."""
    indices = [each for each in value.values() if is_integer(each)]
    return by_index(file, indices, Labels(tuple(value), tuple(f"/{escape_pointer(name)}" for name in value)))


def _of_config(file: str, value: _Object, _: str | None) -> Labels:
    """Read `id2label` of a model's configuration, as the transformers library writes it."""
    names = value["id2label"]
    if not isinstance(names, dict) or not names or not all(map(is_index, names)):
        raise unreadable(file, "has an `id2label` that is not an object from indices to names.")
    labels = _below("id2label", _of_indices(file, names))
    back = value.get("label2id")
    if isinstance(back, dict) and any(str(back.get(name)) != index for index, name in names.items()):
        raise unreadable(file, "has an `id2label` and a `label2id` that contradict each other.")
    return labels


def _of_features(file: str, value: _Object, column: str | None) -> Labels:
    """Read the names of the class label among the features of a dataset, as the datasets library writes them."""
    features = value["features"]
    named_ones = {
        name: each["names"]
        for name, each in (features.items() if isinstance(features, dict) else ())
        if isinstance(each, dict) and isinstance(each.get("names"), list)
    }
    chosen = [name for name in named_ones if column in (None, name)]
    if len(chosen) != 1:
        raise unreadable(
            file, f"has class labels in the features {named(named_ones) or 'none'}; name one of several with --column."
        )
    labels = _names(file, named_ones[chosen[0]], f"/features/{escape_pointer(chosen[0])}/names", column)
    return replace(labels, column=chosen[0])


def _of_categories(file: str, value: _Object, column: str | None) -> Labels:
    """Read `categories`, as in annotations of COCO or in the metadata of torchvision's weights."""
    return _names(file, value["categories"], "/categories", column)


def _of_class_list(file: str, value: _Object, column: str | None) -> Labels | Body:
    """Read an object with `classes`: a dataset as in a request if it has other fields too."""
    if len(value) > 1:
        return Body({"datasets": [value]})
    return _names(file, value["classes"], "/classes", column)


def _of_request(file: str, value: _Object, _: str | None) -> Body:
    given = {name: each for name, each in value.items() if each is not None}
    if "datasets" in given:
        given["datasets"] = asked_datasets(given["datasets"])
    if wrong := [name for name in _LISTS if not isinstance(given.get(name, []), list)]:
        raise unreadable(file, f"has {named(wrong)}, but not as a JSON list.")
    return Body(given)


def _names(file: str, value: object, pointer: str, column: str | None) -> Labels:
    if not isinstance(value, list) or not value:
        raise unreadable(file, f"has no list of names in {pointer}.")
    return _below(pointer.lstrip("/"), _of_list(file, value, [f"/{i}" for i in range(len(value))], column))


def _below(name: str, labels: Labels) -> Labels:
    return replace(labels, places=tuple(f"/{name}{place}" for place in labels.places))


def _has_identifier(pair: Sequence[object]) -> bool:
    """Tell whether a list is an identifier and a name that is none."""
    if len(pair) != 2 or not all(isinstance(each, str) for each in pair):
        return False
    first, second = (IDENTIFIER.fullmatch(str(each)) for each in pair)
    return first is not None and second is None


def _is_cell(value: object) -> bool:
    return isinstance(value, str) or is_integer(value)


def _is_class_map(value: _Object) -> bool:
    return bool(value) and all(map(is_integer, value.values()))


def _is_index_map(value: _Object) -> bool:
    return bool(value) and all(map(is_index, value))


_FORMS: Sequence[tuple[Callable[[_Object], bool], Callable[[str, _Object, str | None], Labels | Body]]] = (
    # First what depends on all of the object: a class may have any name.
    (_is_class_map, _of_classes),
    (_is_index_map, _of_indices),
    (lambda value: any(value.get(name) is not None for name in _LISTS), _of_request),
    # A request without class lists: its ordering may have concepts of its own.
    (lambda value: isinstance(value.get("ordering"), dict), _of_request),
    (lambda value: "id2label" in value, _of_config),
    (lambda value: "features" in value, _of_features),
    (lambda value: "categories" in value, _of_categories),
    (lambda value: "classes" in value, _of_class_list),
)
