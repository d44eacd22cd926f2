"""The warning about names that two classes of a dataset share."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from concept_orderings.concepts import ClassList, join_concept
from concept_orderings.evidence import Need
from concept_orderings.evidence.class_synonyms import SYNONYMS, names_of
from concept_orderings.evidence.counts import QUERIES
from concept_orderings.queries import default_query
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.text import first_of, shown

_MOST_NAMED = 10


def shared_synonyms(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of classes with a synonym that another class of their dataset has, too. Its text is published.

    Where counts are needed, the spellings of a query are the names of its class. Classes with the same names are not
    meant: they have one query, or the same captions, which other warnings say.
    """
    shared = [
        (name, each, classes) for each in request.concepts.datasets for name, classes in _shared(request, each).items()
    ]
    if not shared:
        return
    concerned = {join_concept(each.name, of_class) for _, each, classes in shared for of_class in classes}
    named = [f"{shown(name)} of {' and '.join(map(shown, classes[:2]))}" for name, _, classes in shared]
    sentence = (
        f"{len(concerned)} classes share a name or a spelling with another class of their dataset "
        f"({first_of(named, _MOST_NAMED)}): what is embedded or counted for one class is in part the other; "
        "leave the name out of one of them."
    )
    concepts = (each for each in request.concepts.ids if each in concerned)
    yield StreamWarning.of(WarningCode.SHARED_SYNONYMS, sentence, count=len(concerned), concepts=concepts)


def _shared(request: StreamRequest, each: ClassList) -> dict[str, list[str]]:
    """Return the names that several classes of a class list have, with these classes."""
    names = dict(_names(request, each))
    if all(len(own) < 2 for own in names.values()):
        return {}
    owners = defaultdict[str, list[str]](list)
    for of_class, own in names.items():
        for name in own:
            owners[name].append(of_class)
    return {
        name: classes
        for name, classes in sorted(owners.items())
        if len({frozenset(names[each]) for each in classes}) > 1
    }


def _names(request: StreamRequest, each: ClassList) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield each class with what is embedded or counted for it; nothing if no class has several names."""
    if Need.EMBEDDINGS in request.needs and SYNONYMS.of(each):
        yield from ((name, names_of(each, name)) for name in each.classes)
    elif Need.COUNTS in request.outside and (queries := QUERIES.of(each)):
        yield from ((name, (queries.get(name) or default_query(name)).spellings) for name in each.classes)
