"""The base of all orderings: a frozen set of parameters, and a rule that arranges concepts."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence.base import Evidence, Need, NeedsEvidence
from concept_orderings.evidence.tie_orders import BreaksTies
from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.parameters import WITHIN, Parameters, parameter
from concept_orderings.progress import Report, silent
from concept_orderings.stream_warnings import StreamWarning


@dataclass(frozen=True)
class Arrangement:
    """The result of an ordering.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        A permutation of range(n): ``order[k]`` is the concept at position k.
    details : dict
        Facts for the manifest about how the order was found.
    warnings : tuple of StreamWarning
        Warnings for readers of the stream.
    """

    order: NDArray[np.int64]
    details: dict[str, Json]
    warnings: tuple[StreamWarning, ...] = ()


class Remade(NamedTuple):
    """An arrangement that was made again, to verify a published one.

    Attributes
    ----------
    arrangement : Arrangement
        It has the published order if and only if that is right.
    wrong : int or None
        The first wrong position of the published order, where the arrangement has the right concept, if the order was
        checked position by position: those that follow it are then unknown. None if the whole order was made again.
    """

    arrangement: Arrangement
    wrong: int | None = None


@dataclass(frozen=True, kw_only=True)
class Ordering(Parameters, ABC):
    """A rule that arranges concepts.

    A new ordering is one file with a subclass, and one line in the registry in ``orderings/__init__.py``. Its
    other base classes say which evidence it needs: ``class Frequency(NeedsCounts, SeededOrdering)``.

    Attributes
    ----------
    kind : str
        Its name in requests.
    version : int
        Raised when any output changes. It is part of a stream's identity, so existing streams do not change.
    summary : str
        One sentence for the documentation.
    needs : frozenset of Need
        The evidence that it always needs; set from its base classes.
    may_need : frozenset of Need
        The evidence that it needs with some parameters; set from its base classes.
    has_own_concepts : bool
        Whether it orders only concepts that it knows by name, `own_concepts`. Most orderings order any.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str]
    needs: ClassVar[frozenset[Need]] = frozenset()
    may_need: ClassVar[frozenset[Need]] = frozenset()
    has_own_concepts: ClassVar[bool] = False

    reverse: bool = parameter(False, "Reverses the order exactly.")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        bases = [each for each in cls.__mro__ if issubclass(each, NeedsEvidence) and "need" in vars(each)]
        cls.needs = frozenset(each.need for each in bases if not each.optional)
        cls.may_need = frozenset(each.need for each in bases if each.optional)

    @property
    def parts(self) -> "tuple[Ordering, ...]":
        """The ordering itself, and that inside its groups."""
        return (self,)

    def part_for(self, need: Need) -> "Ordering":
        """Return the part whose parameters concern a kind of evidence; for one that no part needs, the ordering."""
        return next((each for each in self.parts if need in each.needs | each.may_need), self)

    def path_to(self, need: Need) -> str:
        """Return where the parameters of `part_for` stand: empty, or ``within/``."""
        return "" if self.part_for(need) is self else f"{WITHIN}/"

    def only_whole(self) -> dict[str, str]:
        """Return the parameters that mean nothing for a part of the concepts, by name, with the reason in a sentence.

        They are refused inside groups. Most orderings have none.
        """
        return {}

    def for_group(self, concepts: Concepts) -> Self:
        """Return the ordering for some of the concepts for which it is canonical; for most it is the same.

        Parameters
        ----------
        concepts
            Those of a group.
        """
        del concepts
        return self

    def arrangement(
        self, concepts: Concepts, evidence: Evidence, *, machine: Machine = ANY_MACHINE, report: Report = silent
    ) -> Arrangement:
        """Arrange the concepts by the rule, and reverse them if `reverse` is set.

        Parameters
        ----------
        concepts
            n concepts in canonical order.
        evidence
            The evidence in `needs`, for these concepts.
        machine
            Threads, memory and devices that may be used; changes no result.
        report
            Called with (done, total).

        Returns
        -------
        Arrangement
            With a permutation of range(n); the same arguments give the same result on every machine.

        Raises
        ------
        NotEnoughMemory
            ``not_enough_memory``; nothing was computed.
        """
        return self._finished(self.arrange(concepts, evidence, machine=machine, report=report), concepts, evidence)

    def remake(
        self,
        concepts: Concepts,
        evidence: Evidence,
        published: Arrangement,
        *,
        search: bool = True,
        machine: Machine = ANY_MACHINE,
        report: Report = silent,
    ) -> Remade:
        """Make a published arrangement again, to verify it.

        Most orderings are arranged anew. One that searches checks the published order instead, unless `search` is set.
        What the details say of the search alone is then taken from those that were published.

        Parameters
        ----------
        concepts, evidence, machine, report
            As for `arrangement`.
        published
            What a version states: a permutation of range(n), and details, which may have any form.
        search
            Whether to search.
        """
        del published, search
        return Remade(self.arrangement(concepts, evidence, machine=machine, report=report))

    def _finished(self, found: Arrangement, concepts: Concepts, evidence: Evidence) -> Arrangement:
        """Return an arrangement by the rule in the direction that is asked for, with all warnings."""
        warnings = (*self.evidence_warnings(concepts, evidence), *found.warnings)
        return Arrangement(found.order[::-1].copy() if self.reverse else found.order, found.details, warnings)

    @abstractmethod
    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """Arrange the concepts by the rule, without reversing; parameters and result as in `arrangement`."""

    def own_concepts(self) -> Sequence[str]:
        """Return the concepts that it orders if it orders no others, (m,): a request without concepts means them all.

        Those of an ordering with `has_own_concepts`, also where it stands inside groups; no others have any.

        Each is written ``DATASET+++class name``, with the dataset's FoMo-in-Flux name. They are in their order, without
        `reverse`. There are none where the parameters that choose them are at fault.
        """
        return ()

    @property
    def owner(self) -> str:
        """Return what has `own_concepts`, for sentences, such as "published stream icarl/cifar100"."""
        return ""

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """Return warnings that are known before the concepts are arranged; most orderings have none.

        They stand in the manifest, and in the job of a request that has all evidence. So finding them takes no longer
        than reading the evidence.
        """
        del concepts, evidence
        return ()

    def seed_may_matter(self, concepts: Concepts) -> bool:
        """Tell whether another seed may give another order, as far as names and parameters show.

        It is asked of orderings whose evidence is gathered later; most of them have ties that only this evidence shows.

        Parameters
        ----------
        concepts
            n concepts in canonical order.
        """
        del concepts
        return True

    def columns(self, concepts: Concepts, evidence: Evidence, order: NDArray[np.int64]) -> dict[str, Sequence[Json]]:
        """Return what tasks show of each concept besides its evidence; most orderings show nothing more.

        Parameters
        ----------
        concepts, evidence
            As in `arrangement`.
        order : ndarray of int64, shape (n,)
            The arranged concepts, reversed if `reverse` is set.

        Returns
        -------
        dict
            By name, a value for each concept in canonical order, (n,); None where a concept has none to show.
        """
        del concepts, evidence, order
        return {}

    def check_memory(self, concepts: Concepts, dimensions: int, machine: Machine) -> None:
        """Refuse embeddings that need too much memory, before they are made; most orderings accept any.

        Parameters
        ----------
        concepts
            The n concepts.
        dimensions
            d, where the embeddings will have the shape (n, d).
        machine
            The memory that may be used.

        Raises
        ------
        NotEnoughMemory
            ``not_enough_memory``, with the memory needed and advice.
        """
        del concepts, dimensions, machine

    def diagnose(
        self,
        concepts: Concepts,
        evidence: Evidence,
        order: NDArray[np.int64],
        sizes: Sequence[int],
        *,
        report: Report = silent,
    ) -> dict[str, Json]:
        """Compute figures that describe a stream, for its manifest; most orderings have none.

        Parameters
        ----------
        concepts, evidence
            As in `arrangement`.
        order : ndarray of int64, shape (n,)
            The arranged concepts, reversed if `reverse` is set.
        sizes : sequence of int
            Concepts in each task, adding up to n.
        report
            Called between steps of the work, so that it can be cancelled; the numbers have no meaning.

        Returns
        -------
        dict
            The figures by name, which are the same on every machine; empty if there are none.
        """
        del concepts, evidence, order, sizes, report
        return {}

    def as_json(self) -> dict[str, Json]:
        """Return kind, version and parameters in the form of the canonical request."""
        return {"kind": self.kind, "version": self.version, **self.values()}

    def as_brief_json(self) -> dict[str, Json]:
        """Return `as_json` without parameters that repeat the class lists, for the description of a job."""
        return self.as_json()


@dataclass(frozen=True, kw_only=True)
class SeededOrdering(Ordering):
    """An ordering with a random part: the seed decides a shuffle, or the order of ties."""

    seed: int = parameter(0, "Seed of the random order and of the order of ties; the same seed gives the same stream.")

    def key(self, identifier: str) -> bytes:
        """Return the 32-byte sort key of a concept or dataset, for random orders and ties.

        It is the SHA-256 of kind, version, seed and identifier. Unlike a random generator, it does not depend on
        library versions, on the order of the lists in a request, or on the other concepts.
        """
        return hashlib.sha256(f"{self.kind}/{self.version}/{self.seed}/{identifier}".encode()).digest()

    def keys(self, concepts: Concepts) -> list[bytes]:
        """Return the sort key of each concept, (n,)."""
        return [self.key(each) for each in concepts.ids]


def tie_keys(ordering: SeededOrdering, concepts: Concepts, evidence: Evidence) -> Sequence[Any]:
    """Return what orders concepts with equal evidence, (n,): places in the order of ties if there is one, else keys."""
    if isinstance(ordering, BreaksTies) and ordering.ties is not None:
        return list(evidence.of(Need.TIES).tolist())
    return ordering.keys(concepts)


def order_of(sort_keys: list[Any]) -> NDArray[np.int64]:
    """Return the permutation that sorts comparable keys ascending, (n,) int64."""
    return np.array(sorted(range(len(sort_keys)), key=sort_keys.__getitem__), dtype=np.int64)
