"""Captions and their embeddings: class names in caption templates, made into vectors by a text encoder."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import Dataset
from concept_orderings.concepts import ClassList, Concepts
from concept_orderings.errors import BadConcept
from concept_orderings.evidence.base import Evidence, EvidenceField, Kind, Need, NeedsEvidence, require
from concept_orderings.evidence.encoder_names import PAPER_ENCODER, PATTERN
from concept_orderings.parameters import parameter
from concept_orderings.shapes import Either, Items, Refusal, Text
from concept_orderings.text import FORBIDDEN, shown

PLACEHOLDER = "{}"
MOST_TEMPLATES = 1000
WEIGHTS = r"|[0-9a-f]{64}"

_ROWS = 1024  # quantised at once

_TYPES = "a string or an array of strings"
_TEMPLATE = Text(
    Refusal(
        BadConcept,
        "bad_template",
        f"The template {{value}} needs {PLACEHOLDER} where the class name goes, and no control characters.",
    ),
    (r"\{\}",),
    without=(FORBIDDEN,),
)
_TEMPLATES = Items(
    _TEMPLATE,
    length_refusal=Refusal(
        BadConcept, "bad_template", f"There are {{length}} templates; give one to {MOST_TEMPLATES}."
    ),
    type_refusal=_TYPES,
    most=MOST_TEMPLATES,
    unique=True,
)


def _parse(value: str | Sequence[str], classes: Sequence[str], pointer: str) -> tuple[str, ...]:
    """Return the templates sorted: a mean does not depend on their order."""
    del classes
    if isinstance(value, str):
        return (value,)
    _refuse_equal(value, pointer)
    return tuple(sorted(value))


def _refuse_equal(templates: Sequence[str], pointer: str) -> None:
    """Refuse a template that is given twice: it would weigh twice in the mean, which hardly any client means."""
    seen: dict[str, int] = {}
    for i, template in enumerate(templates):
        first = seen.setdefault(template, i)
        if first != i:
            raise BadConcept(
                "bad_template",
                f"The template {shown(template)} is given twice; leave one out.",
                [f"{pointer}/{first}", f"{pointer}/{i}"],
            )


TEMPLATE = EvidenceField[tuple[str, ...]](
    "template",
    Either((_TEMPLATE, _TEMPLATES), type_refusal=_TYPES),
    "Caption template; {} stands for the class name. Of several, the embedding of a concept is the mean of its "
    "captions' unit vectors, made unit again.",
    ("A photo of a {}.", ["A photo of a {}.", "A drawing of a {}."]),
    parse=_parse,
)


@dataclass(frozen=True, kw_only=True)
class NeedsEmbeddings(NeedsEvidence):
    """Base of orderings that need embeddings: which encoder makes them, and how."""

    need: ClassVar[Need] = Need.EMBEDDINGS

    encoder: str = parameter(
        PAPER_ENCODER,
        "The text encoder: minilm, or open_clip/MODEL[/PRETRAINED] such as open_clip/ViT-L-14/openai, the paper's. "
        "Left out, it is the one that the service is set up with.",
        pattern=PATTERN,
    )
    dtype: str = parameter(
        "float32",
        "What the encoder computes in. Embeddings in bfloat16 differ by up to 0.003, and are faster on GPUs alone.",
        choices=("float32", "bfloat16"),
    )
    weights: str = parameter(
        "",
        "SHA-256 (hexadecimal) that the encoder's weights must have, or else the job fails; empty if any will do. "
        "The manifest says which they had.",
        pattern=WEIGHTS,
    )


class Embeddings(Kind[NeedsEmbeddings]):
    """A vector for each concept, made of its captions by an encoder; never at hand, and never shown in tasks."""

    need = Need.EMBEDDINGS
    fields = (TEMPLATE,)

    def from_catalogue(self, known: Dataset) -> Mapping[str, object]:
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

    def as_json(self, each: ClassList) -> dict[str, Json]:
        """See `Kind.as_json`."""
        templates = TEMPLATE.of(each) or ()
        # An array of one is the string, so that both ways to write it are one request.
        return {TEMPLATE.name: templates[0] if len(templates) == 1 else templates}


def captions_of(concepts: Concepts) -> list[str]:
    """Return the caption of each concept: the class name in its dataset's template, (n,).

    Raises
    ------
    ValueError
        If a dataset has several templates, and its concepts several captions: see `caption_rounds`.
    """
    several = [each.name for each in concepts.datasets if len(TEMPLATE.of(each) or ()) > 1]
    if several:
        raise ValueError(f"{several[0]} has several templates; caption_rounds() yields all captions")
    return next((captions for _, captions in caption_rounds(concepts)), [])


def caption_rounds(concepts: Concepts) -> Iterator[tuple[NDArray[np.int64], list[str]]]:
    """Yield all captions, round by round: in round k those in the k-th of each dataset's templates.

    There are as many rounds as the longest list has templates; all concepts take part in the first. So a prompt
    ensemble of any size needs the memory of one caption per concept.

    Yields
    ------
    positions : ndarray of int64, shape (m,)
        The concepts whose datasets have at least k + 1 templates, ascending.
    captions : list of str
        Their captions, (m,).
    """
    templates = [TEMPLATE.of(each) or () for each in concepts.datasets]
    for k in range(max(map(len, templates))):
        takes_part = np.array([k < len(each) for each in templates])
        yield (
            np.flatnonzero(takes_part[concepts.dataset_index]),
            [
                own[k].replace(PLACEHOLDER, name)
                for own, each in zip(templates, concepts.datasets, strict=True)
                if k < len(own)
                for name in each.classes
            ],
        )


def quantised_embeddings(evidence: Evidence, tick: Callable[[], None]) -> NDArray[np.int16]:
    """Return the embeddings as integer vectors, whose distances are the same on every machine.

    Parameters
    ----------
    evidence
        With embeddings, (n, d).
    tick
        Called every 1,024 rows, so that the work can be stopped.

    Returns
    -------
    ndarray of int16, shape (n, d)
        From `concept_orderings.path.quantise`.
    """
    # Here, not above: programs that only read the registry, as the API does, must not load what computes.
    from concept_orderings.path import quantise  # noqa: PLC0415

    embeddings = np.asarray(evidence.of(Need.EMBEDDINGS), dtype=np.float32)
    vectors = np.empty(embeddings.shape, dtype=np.int16)
    for first in range(0, len(vectors), _ROWS):
        tick()
        vectors[first : first + _ROWS] = quantise(embeddings[first : first + _ROWS])
    return vectors
