"""What every ordering is: a frozen set of parameters, and a rule that arranges concepts."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.concepts import Concepts
from concept_orderings.evidence.base import Evidence, Need, NeedsEvidence
from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.parameters import Parameters, parameter
from concept_orderings.progress import Report, silent


@dataclass(frozen=True)
class Arrangement:
    """What an ordering found.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        A permutation of range(n): ``order[k]`` is the concept at position k.
    details : dict
        What the manifest should say of how it was found.
    warnings : tuple of str
        What a reader of the stream should know, one sentence each.
    """

    order: NDArray[np.int64]
    details: dict[str, Json]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ordering(Parameters, ABC):
    """A rule that arranges concepts.

    A new ordering is one file with a subclass, and one line in the registry in ``orderings/__init__.py``. It says which
    evidence it needs by its other base classes: ``class Frequency(NeedsCounts, SeededOrdering)``.

    Attributes
    ----------
    kind : str
        Its name in requests.
    version : int
        Raised when any output would change; part of a stream's identity, so old streams stay what they were.
    summary : str
        One sentence for the documentation.
    needs : frozenset of Need
        The evidence to gather first: that of its base classes.
    """

    version: ClassVar[int] = 1
    summary: ClassVar[str]
    needs: ClassVar[frozenset[Need]] = frozenset()

    reverse: bool = parameter(False, "Exactly the reverse of the order found.")

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        bases = (each for each in cls.__mro__ if issubclass(each, NeedsEvidence) and "need" in vars(each))
        cls.needs = frozenset(each.need for each in bases)

    def arrangement(
        self, concepts: Concepts, evidence: Evidence, *, machine: Machine = ANY_MACHINE, report: Report = silent
    ) -> Arrangement:
        """Arrange the concepts, reversed if that is asked for.

        Parameters
        ----------
        concepts
            n concepts in canonical order.
        evidence
            What `needs` names, for these concepts.
        machine
            What may be used of the machine; changes no result.
        report
            Called with how much of the work is done.

        Returns
        -------
        Arrangement
            A permutation of range(n); the same for the same arguments on any machine.

        Raises
        ------
        NotEnoughMemory
            ``not_enough_memory``; nothing was computed.
        """
        found = self.arrange(concepts, evidence, machine=machine, report=report)
        return replace(found, order=found.order[::-1].copy()) if self.reverse else found

    @abstractmethod
    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """Arrange the concepts by the rule, not reversed. Parameters and result as in `arrangement`."""

    def check_memory(self, shape: tuple[int, int], machine: Machine) -> None:
        """Refuse embeddings that are too large to be arranged, before they are made; most orderings never do.

        Parameters
        ----------
        shape
            Of the embeddings, (n, d).
        machine
            What may be used of the machine.

        Raises
        ------
        NotEnoughMemory
            ``not_enough_memory``, with how much is needed and what helps.
        """
        del shape, machine

    def diagnose(
        self,
        concepts: Concepts,
        evidence: Evidence,
        order: NDArray[np.int64],
        sizes: Sequence[int],
        *,
        report: Report = silent,
    ) -> dict[str, Json]:
        """Describe a stream of this ordering, for its manifest; most orderings have nothing to say.

        Parameters
        ----------
        concepts, evidence
            As in `arrangement`.
        order : ndarray of int64, shape (n,)
            The concepts arranged, reversed if that was asked for.
        sizes : sequence of int
            Concepts in each task, adding up to n.
        report
            Called between steps of the work, so that it can be stopped; its numbers mean nothing.

        Returns
        -------
        dict
            Figures that are the same for the same arguments on any machine; empty if there are none.
        """
        del concepts, evidence, order, sizes, report
        return {}

    def as_json(self) -> dict[str, Json]:
        """Return kind, version and parameters, as the canonical request has them."""
        return {"kind": self.kind, "version": self.version, **self.values()}

    def as_brief_json(self) -> dict[str, Json]:
        """Return `as_json` without what the class lists beside it say already, for what shows a job."""
        return self.as_json()


@dataclass(frozen=True, kw_only=True)
class SeededOrdering(Ordering):
    """An ordering with a random part: its seed decides a shuffle, or the order of what is equal."""

    seed: int = parameter(0, "Seeds the random order and the order of ties; the same seed gives the same stream.")

    def key(self, identifier: str) -> bytes:
        """Return the 32-byte sort key that makes the random order and breaks ties.

        SHA-256 of kind, version, seed and identifier: no random generator, so independent of library versions, of
        the order in which a request lists things, and of what else is in it.
        """
        return hashlib.sha256(f"{self.kind}/{self.version}/{self.seed}/{identifier}".encode()).digest()

    def keys(self, concepts: Concepts) -> list[bytes]:
        """Return each concept's sort key, (n,)."""
        return [self.key(each) for each in concepts.ids]


def order_of(sort_keys: list[Any]) -> NDArray[np.int64]:
    """Return the permutation that sorts comparable keys ascending, (n,) int64."""
    return np.array(sorted(range(len(sort_keys)), key=sort_keys.__getitem__), dtype=np.int64)
