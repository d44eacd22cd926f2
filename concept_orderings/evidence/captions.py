"""Captions (class names in caption templates) and their embeddings, which a text encoder makes."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import KnownDataset
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadConcept
from concept_orderings.evidence.base import (
    Evidence,
    EvidenceField,
    Kind,
    Need,
    NeedsEvidence,
    Values,
    check_same,
    require,
)
from concept_orderings.evidence.class_synonyms import SYNONYMS, names_of
from concept_orderings.evidence.encoder_names import ENCODER_PATTERN, PAPER_ENCODER
from concept_orderings.evidence.template_shape import PLACEHOLDER, TEMPLATE_TEXT
from concept_orderings.faults import Faults, repeats, times
from concept_orderings.parameters import parameter
from concept_orderings.shapes import Either, Items, Refusal
from concept_orderings.text import shown

MOST_TEMPLATES = 1000
"""The most templates of a dataset."""

WEIGHTS = r"|[0-9a-f]{64}"
"""Regular expression for a SHA-256 in hexadecimal, or nothing."""

_ROWS = 1024  # quantised at a time

_TYPES = "a string or an array of strings"
_TEMPLATES = Items(
    TEMPLATE_TEXT,
    length_refusal=Refusal(
        BadConcept, "bad_template", f"There are {{length}} templates; give one to {MOST_TEMPLATES}."
    ),
    type_refusal=_TYPES,
    most=MOST_TEMPLATES,
    unique=True,
)


def _parse(value: str | Sequence[str], classes: Sequence[str]) -> tuple[str, ...]:
    """Return the templates sorted, because the mean of the embeddings does not depend on their order."""
    del classes
    return (value,) if isinstance(value, str) else tuple(sorted(value))


def _find_equal(value: object, classes: Sequence[str] | None, pointer: str, faults: Faults) -> None:
    """Find templates that are given twice: they would count twice in the mean, which is hardly ever intended."""
    del classes
    if isinstance(value, list | tuple):
        for template, places in repeats(value).items():
            faults.add_repeated("bad_template", places, partial(_equal, template, pointer))


def _equal(template: str, pointer: str, places: Sequence[int]) -> BadConcept:
    return BadConcept(
        "bad_template",
        f"The template {shown(template)} is given {times(len(places))}; keep one.",
        (f"{pointer}/{i}" for i in places),
    )


def _read(value: object) -> tuple[str, ...]:
    match value:
        case str():
            return (value,)
        case list() if all(isinstance(each, str) for each in value):
            return tuple(value)
        case _:
            raise TypeError("templates are a string, or an array of strings")


TEMPLATE = EvidenceField[tuple[str, ...]](
    "template",
    Either((TEMPLATE_TEXT, _TEMPLATES), type_refusal=_TYPES),
    "Caption template; {} is replaced by the class name. With several templates, the embedding of a concept is the "
    "normalised mean of the unit vectors of its captions.",
    ("A photo of a {}.", ["A photo of a {}.", "A drawing of a {}."]),
    parse=_parse,
    read=_read,
    find_others=_find_equal,
)


@dataclass(frozen=True, kw_only=True)
class NeedsEmbeddings(NeedsEvidence):
    """Base class of orderings that need embeddings, with the parameters of the encoder."""

    need: ClassVar[Need] = Need.EMBEDDINGS

    encoder: str = parameter(
        PAPER_ENCODER,
        "The text encoder: minilm, or open_clip/MODEL[/PRETRAINED] such as open_clip/ViT-L-14/openai, the paper's. "
        "The default is a setting of the service.",
        pattern=ENCODER_PATTERN,
    )
    dtype: str = parameter(
        "float64",
        "The number format in which the encoder computes. With float64 every machine finds the same order. float32 is "
        "faster; its last digits depend on the machine, so the order holds for the embeddings of one version alone. "
        "bfloat16 changes embeddings by up to 0.003, and is faster only on GPUs.",
        choices=("float64", "float32", "bfloat16"),
    )
    weights: str = parameter(
        "",
        "SHA-256 (hexadecimal) that the encoder's weights must have, otherwise the job fails; empty to accept any "
        "weights. The manifest has the digest of the weights used.",
        pattern=WEIGHTS,
    )


class Embeddings(Kind[NeedsEmbeddings]):
    """A vector for each concept, which an encoder makes from its captions. Tasks do not show it."""

    need = Need.EMBEDDINGS
    published_as, value_name, value_type = "vectors", "vectors", "int16"
    fields = (TEMPLATE, SYNONYMS)

    def from_catalogue(self, known: KnownDataset) -> Mapping[str, object]:
        """See `Kind.from_catalogue`."""
        return {TEMPLATE.name: (known.template,)}

    def check_complete(self, concepts: Concepts, parameters: NeedsEmbeddings) -> None:
        """See `Kind.check_complete`."""
        require(
            [each for each in concepts.datasets if not TEMPLATE.of(each)],
            TEMPLATE.name,
            code="missing_templates",
            advice='give each a template such as "A photo of a {}.". '
            "GET /v1/datasets lists the datasets that bring their own.",
        )

    def is_outside(self, parameters: NeedsEmbeddings) -> bool:
        """See `Kind.is_outside`."""
        del parameters
        return True

    def published(self, values: Values) -> Values:
        """See `Kind.published`: the integers that orderings compute with."""
        return quantised_embeddings(Evidence(embeddings=values))

    def check_origin(self, parameters: NeedsEmbeddings, source: str, facts: Mapping[str, Json]) -> None:
        """See `Kind.check_origin`: the encoder, its dtype, and its weights if they are pinned."""
        check_same("encoder", parameters.encoder, source)
        check_same("dtype", parameters.dtype, facts.get("dtype"))
        if parameters.weights:
            check_same("weights", parameters.weights, facts.get("weights"))

    def as_json(self, each: ClassList, parameters: NeedsEmbeddings) -> dict[str, Json]:
        """See `Kind.as_json`."""
        del parameters
        templates = TEMPLATE.of(each)
        if not templates:
            # Only where the embeddings were passed; no service publishes such a request.
            return {}
        # One template is written as a string, so that both ways to write it give one canonical request.
        body: dict[str, Json] = {TEMPLATE.name: templates[0] if len(templates) == 1 else templates}
        if synonyms := SYNONYMS.of(each):
            body[SYNONYMS.name] = synonyms
        return body


def captions_of_concept(concepts: Concepts, i: int) -> tuple[str, ...]:
    """Return the captions of concept number `i`, sorted; none if its dataset has no templates."""
    each = concepts.datasets[concepts.dataset_index[i]]
    names = names_of(each, concepts.class_names[i])
    return tuple(sorted(template.replace(PLACEHOLDER, name) for template in TEMPLATE.of(each) or () for name in names))


def captions_of(concepts: Concepts) -> list[str]:
    """Return the caption of each concept, the class name in its dataset's template, (n,).

    Raises
    ------
    ValueError
        If a dataset has several templates, or classes with synonyms, so that concepts have several captions; see
        `caption_rounds`.
    """
    several = [each.name for each in concepts.datasets if len(TEMPLATE.of(each) or ()) > 1 or SYNONYMS.of(each)]
    if several:
        raise ValueError(f"{several[0]} has several templates, or synonyms; caption_rounds() yields all captions")
    return next((captions for _, captions in caption_rounds(concepts)), [])


def caption_rounds(concepts: Concepts) -> Iterator[tuple[NDArray[np.int64], list[str]]]:
    """Yield all captions in rounds, of which each has at most one caption of a concept.

    The first rounds have the class names in each dataset's templates, one after the other; the next ones have the first
    synonym of each class in each template, and so on. All concepts take part in the first round. So a prompt ensemble
    of any size needs memory for only one caption per concept.

    Yields
    ------
    positions : ndarray of int64, shape (m,)
        Indices of the concepts that have more captions than there were rounds before, ascending.
    captions : list of str
        Their captions, (m,).
    """
    captions = [_ListCaptions.of(each) for each in concepts.datasets]
    numbers = np.concatenate([each.numbers for each in captions])
    for k in range(int(numbers.max())):
        yield np.flatnonzero(numbers > k), [caption for each in captions for caption in each.round(k)]


@dataclass(frozen=True)
class _ListCaptions:
    """The captions of the m classes of a class list.

    Attributes
    ----------
    templates, classes : sequence of str
    synonyms : mapping of str to sequence of str
    numbers : ndarray of int64, shape (m,)
        How many captions each class has.
    """

    templates: Sequence[str]
    classes: Sequence[str]
    synonyms: Mapping[str, Sequence[str]]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, each: ClassList) -> "_ListCaptions":
        templates, synonyms = TEMPLATE.of(each) or (), SYNONYMS.of(each) or {}
        names = np.ones(len(each.classes), dtype=np.int64)
        if synonyms:
            names += [len(synonyms.get(name, ())) for name in each.classes]
        return cls(templates, each.classes, synonyms, len(templates) * names)

    def round(self, k: int) -> Iterator[str]:
        """Yield caption number `k`, from 0, of each class that has so many."""
        if not self.templates:
            return
        synonym, template = divmod(k, len(self.templates))
        for name in self._names(synonym):
            yield self.templates[template].replace(PLACEHOLDER, name)

    def _names(self, k: int) -> Iterable[str]:
        if k == 0:
            return self.classes
        others = (self.synonyms.get(name, ()) for name in self.classes) if self.synonyms else ()
        return (each[k - 1] for each in others if k <= len(each))


def quantised_embeddings(evidence: Evidence, tick: Callable[[], None] = lambda: None) -> NDArray[np.int16]:
    """Return the embeddings as integer vectors, whose distances are exact and the same on every machine.

    Parameters
    ----------
    evidence
        Holds embeddings, (n, d): already quantised, or floats.
    tick
        Called every 1,024 rows, so that the work can be cancelled.

    Returns
    -------
    ndarray of int16, shape (n, d)
        From `concept_orderings.path.quantise`.
    """
    # Imported here because programs that only read the registry, such as the API, must not load numerical code.
    from concept_orderings.path import quantise  # noqa: PLC0415

    embeddings = evidence.of(Need.EMBEDDINGS)
    if embeddings.dtype == np.int16:
        return embeddings.astype(np.int16, copy=False)
    vectors = np.empty(embeddings.shape, dtype=np.int16)
    for first in range(0, len(vectors), _ROWS):
        tick()
        vectors[first : first + _ROWS] = quantise(embeddings[first : first + _ROWS])
    return vectors
