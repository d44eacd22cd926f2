"""Order by similarity: the shortest greedy path through the caption embeddings."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from concept_orderings.canonical import Json
from concept_orderings.catalogue import canonical_name
from concept_orderings.concepts import Concepts, join_concept, split_concept
from concept_orderings.evidence import Evidence
from concept_orderings.evidence.captions import NeedsEmbeddings, quantised_embeddings
from concept_orderings.evidence.equal_vectors import may_have_equal_vectors, vector_columns, vector_warnings
from concept_orderings.look_alikes import shown_beside
from concept_orderings.machine import ANY_MACHINE, Machine
from concept_orderings.orderings.base import Arrangement, Remade, SeededOrdering, order_of
from concept_orderings.parameters import Contradiction, parameter
from concept_orderings.progress import Renumbered, Report, silent
from concept_orderings.stream_warnings import StreamWarning, WarningCode

ALL_STARTS = "all"
"""The value of `starts` for all concepts."""

_FEW = 30
"""The most concepts of which a path is expected to be the best one in both directions."""

if TYPE_CHECKING:
    from concept_orderings.path import GreedyPath


@dataclass(frozen=True, kw_only=True)
class Similarity(NeedsEmbeddings, SeededOrdering):
    """A path from each concept to the nearest one not yet visited, from the start that makes it shortest.

    All n starts are tried (arXiv 2408.14471, "concept similarity"). Of equal distances, that to the concept with the
    smaller key comes first.
    """

    kind: ClassVar[str] = "similarity"
    summary: ClassVar[str] = (
        "Each concept is followed by the most similar one that is left; of all starts, the best is chosen."
    )

    starts: int | str = parameter(
        ALL_STARTS,
        "The starts of paths: all concepts, the paper's rule; a number of concepts, at least 1, drawn with the seed; "
        "or one concept, such as CIFAR100+++apple.",
        type="integer or string",
        pattern=rf"{ALL_STARTS}|.+\+\+\+.+",
        minimum=1,
        inside_groups={"pattern": ALL_STARTS},
    )
    max_seconds: int = parameter(
        0,
        "The time limit in seconds, after which no further start is tried and no further round of refine is done; 0 "
        "for no limit. All concepts are compared and one start is tried in any case. The manifest has the numbers of "
        "starts and rounds that were done: a request for these numbers gives the same order again.",
        minimum=0,
        maximum=7 * 24 * 3600,
        inside_groups={"maximum": 0},
    )
    refine: int = parameter(
        0,
        "The number of rounds of local search that shorten the path; 0, the paper's rule, leaves it as it is. The "
        "first round ends when no 2-opt or Or-opt move helps. Each further round tries one larger change per concept.",
        minimum=0,
        maximum=1000,
    )

    def contradictions(self, concepts: Concepts | None) -> Iterator[Contradiction]:
        """See `Parameters.contradictions`: a named start is one of the concepts, and is not refined."""
        concept = self._named_start()
        if concept is not None and self.refine:
            detail = (
                "refine may move the ends of a path, so it does not go with a named start; leave one of the two out."
            )
            yield Contradiction.between(detail, "starts", "refine")
        if concept is not None and concepts is not None and concept not in concepts.ids:
            named = shown_beside(concept, concepts.ids)
            detail = f"The path is to start at {named}, which is not among the concepts; name one that is."
            yield Contradiction.between(detail, "starts")
        yield from super().contradictions(concepts)

    def canonical_for(self, concepts: Concepts, listed: Callable[[], Sequence[str]]) -> Self:
        """See `Parameters.canonical_for`: `starts` >= n becomes "all", and a named start its canonical name."""
        if isinstance(self.starts, int):
            return replace(self, starts=ALL_STARTS) if self.starts >= len(concepts) else self
        return replace(self, starts=self._named_start() or self.starts)

    def arrange(self, concepts: Concepts, evidence: Evidence, *, machine: Machine, report: Report) -> Arrangement:
        """See `Ordering.arrange`."""
        by_key = order_of(self.keys(concepts))
        starts = self._rows_to_start_at(concepts, by_key)
        deadline = monotonic() + self.max_seconds if self.max_seconds else None
        search = _Search(starts, len(starts), self.refine, deadline, machine, report)
        return self._search(concepts, evidence, by_key, search)

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
        """See `Ordering.remake`: without `search`, each step of a greedy path is checked, from the start that it has.

        A path that was refined is walked from its start again, and refined. Starts that were not tried again are
        believed to give no shorter path; `search` tries them all.
        """
        by_key = order_of(self.keys(concepts))
        starts = self._rows_to_start_at(concepts, by_key)
        claims = _Claims.of(published.details)
        # What a time limit left undone is not done now.
        tried = starts[: claims.starts] if self.max_seconds and claims.starts else starts
        rounds = min(claims.rounds, self.refine) if self.max_seconds else self.refine
        work = _Search(tried, len(starts), rounds, None, machine, report)
        wrong = None
        if search:
            found = self._search(concepts, evidence, by_key, work)
        elif self.refine:
            named = [i for i in tried.tolist() if concepts.ids[by_key[i]] == claims.greedy_start]
            one = replace(work, starts=np.array(named or tried[:1].tolist()), believed=(len(tried), claims))
            found = self._search(concepts, evidence, by_key, one)
        else:
            order = published.order[::-1] if self.reverse else published.order
            found, wrong = self._checked(
                concepts, evidence, by_key, order, replace(work, believed=(len(tried), claims))
            )
            wrong = len(order) - 1 - wrong if self.reverse and wrong is not None else wrong
        return Remade(self._finished(found, concepts, evidence), wrong)

    def _checked(
        self,
        concepts: Concepts,
        evidence: Evidence,
        by_key: NDArray[np.int64],
        published: NDArray[np.int64],
        work: "_Search",
    ) -> tuple[Arrangement, int | None]:
        """Return a path if it is greedy; else one that has the right concept at its first wrong position, and that."""
        from concept_orderings.diagnostics import step_distances  # noqa: PLC0415
        from concept_orderings.path import GreedyPath  # noqa: PLC0415
        from concept_orderings.path.check import WrongStep, first_wrong_step  # noqa: PLC0415

        vectors = quantised_embeddings(evidence)[by_key]
        row = np.empty(len(by_key), dtype=np.int64)
        row[by_key] = np.arange(len(by_key))
        order = row[published]
        steps = step_distances(vectors, order)
        path = GreedyPath(order, int(steps.sum()), int(order[0]), steps, np.array([steps.sum()]))
        wrong: WrongStep | None = WrongStep(0, int(work.starts[0]))
        if order[0] in work.starts:
            wrong = first_wrong_step(vectors, order, report=work.report)
        if wrong is not None:
            order = order.copy()
            at = int(np.flatnonzero(order == wrong.nearest)[0])
            order[[wrong.position, at]] = order[[at, wrong.position]]
        details = _details(path, work)
        return self._arrangement(by_key[order], concepts, details, 0), None if wrong is None else wrong.position

    def _search(
        self, concepts: Concepts, evidence: Evidence, by_key: NDArray[np.int64], work: "_Search"
    ) -> Arrangement:
        """Return the shortest of the greedy paths from some starts, refined."""
        n = len(concepts)
        total, report = n + len(work.starts) + n * work.rounds, work.report
        vectors = quantised_embeddings(evidence, lambda: report(0, total))[by_key]
        # Imported here because programs that only read the registry, such as the API, must not load numerical code.
        from concept_orderings.path import refine_path, shortest_greedy_path  # noqa: PLC0415

        path = shortest_greedy_path(
            vectors,
            starts=work.starts,
            deadline=work.deadline,
            machine=work.machine,
            report=Renumbered(report, lambda done, _: (done, total)),
        )
        details = _details(path, work)
        if not self.refine:
            return self._arrangement(by_key[path.order], concepts, details, 0)
        refined = refine_path(
            vectors,
            path.order,
            rounds=work.rounds,
            deadline=work.deadline,
            machine=work.machine,
            report=Renumbered(report, lambda done, of: (total - n * work.rounds * (of - done) // of, total)),
        )
        details |= {
            "complete": details["complete"] and refined.rounds == self.refine,
            "total_distance": _as_float(refined.total),
            "refined": {
                "rounds": refined.rounds,
                "rounds_asked": self.refine,
                "greedy_start": concepts.ids[by_key[path.start]],
                "greedy_total_distance": _as_float(path.total),
                "share_of_greedy_total": refined.total / path.total if path.total else None,
            },
        }
        return self._arrangement(by_key[refined.order], concepts, details, refined.rounds)

    def evidence_warnings(self, concepts: Concepts, evidence: Evidence) -> tuple[StreamWarning, ...]:
        """See `Ordering.evidence_warnings`."""
        return vector_warnings(concepts, quantised_embeddings(evidence))

    def seed_may_matter(self, concepts: Concepts) -> bool:
        """See `Ordering.seed_may_matter`: to draw starts, and for equal distances.

        The best path of few concepts is often as long as the one back, whose start the seed may prefer.
        """
        drawn = isinstance(self.starts, int) or self.max_seconds > 0 or self.refine > 0
        few = self.starts == ALL_STARTS and len(concepts) <= _FEW
        return drawn or few or may_have_equal_vectors(concepts)

    def columns(self, concepts: Concepts, evidence: Evidence, order: NDArray[np.int64]) -> dict[str, Sequence[Json]]:
        """See `Ordering.columns`: the captions, and the exact distance to the next concept."""
        from concept_orderings.diagnostics import step_distances  # noqa: PLC0415

        vectors = quantised_embeddings(evidence)
        to_next: list[Json] = [None] * len(concepts)
        for i, distance in zip(order[:-1].tolist(), step_distances(vectors, order).tolist(), strict=True):
            to_next[i] = distance
        return {**vector_columns(concepts, vectors), "step_to_next": to_next}

    def check_memory(self, concepts: Concepts, dimensions: int, machine: Machine) -> None:
        """See `Ordering.check_memory`."""
        from concept_orderings.path import tuned  # noqa: PLC0415

        tuned((len(concepts), dimensions), machine.memory)

    def only_whole(self) -> dict[str, str]:
        """See `Ordering.only_whole`: a named start is in one group only, and a time limit ends one of many paths."""
        reasons = {}
        if self._named_start() is not None:
            reasons["starts"] = (
                "a named start is in one group only; give a number of starts for each group, or leave it out"
            )
        if self.max_seconds:
            reasons["max_seconds"] = "each group has its own path; limit starts instead, which counts for each group"
        return reasons

    def for_group(self, concepts: Concepts) -> Self:
        """See `Ordering.for_group`: in a group of fewer concepts than `starts`, all are tried."""
        return self.canonical_for(concepts, lambda: ())

    def _named_start(self) -> str | None:
        """Return the concept to start at, under its canonical name; None if `starts` names none."""
        if isinstance(self.starts, int) or self.starts == ALL_STARTS:
            return None
        dataset, class_name = split_concept(self.starts)
        return join_concept(canonical_name(dataset), class_name)

    def _arrangement(
        self, order: NDArray[np.int64], concepts: Concepts, details: dict[str, Json], rounds: int
    ) -> Arrangement:
        """Return the arrangement, with a warning if the time limit ended it after some starts and `rounds`."""
        details["path_start"] = concepts.ids[order[0]]
        if details["complete"]:
            return Arrangement(order, details)
        tried = details["starts"]
        sentence = (
            f"Time was up after {self.max_seconds} s: {tried} of {details['starts_asked']} starts were tried, and "
            f"{rounds} of {self.refine} rounds of refining done. Without max_seconds, starts: {tried} and refine: "
            f"{rounds} give the same order again."
        )
        return Arrangement(order, details, (StreamWarning.of(WarningCode.TIME_LIMIT, sentence, count=None),))

    def _rows_to_start_at(self, concepts: Concepts, by_key: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the starts as indices of the concepts sorted by key; the first m by key are a random sample."""
        if self.starts == ALL_STARTS:
            return np.arange(len(concepts))
        if isinstance(self.starts, int):
            return np.arange(self.starts)
        return np.flatnonzero(by_key == concepts.ids.index(self.starts))

    def diagnose(
        self,
        concepts: Concepts,
        evidence: Evidence,
        order: NDArray[np.int64],
        sizes: Sequence[int],
        *,
        report: Report = silent,
    ) -> dict[str, Json]:
        """See `Ordering.diagnose`."""
        from concept_orderings.diagnostics import diagnose_path  # noqa: PLC0415

        vectors = quantised_embeddings(evidence, lambda: report(len(concepts), len(concepts)))
        return diagnose_path(vectors, order, sizes, concepts.ids, report=report)


@dataclass(frozen=True)
class _Claims:
    """What the manifest of a version says of the search for its path, as far as it can be read.

    Attributes
    ----------
    starts, rounds : int
        How many starts were tried, and how many rounds of refining done.
    greedy_start : str
        The concept at which the path began before it was refined.
    totals : mapping
        ``start_totals``: those of the shortest, the median and the longest path.
    """

    starts: int
    rounds: int
    greedy_start: str
    totals: Mapping[str, Json]

    @classmethod
    def of(cls, details: Mapping[str, object]) -> "_Claims":
        refined, totals = details.get("refined"), details.get("start_totals")
        refined = refined if isinstance(refined, Mapping) else {}
        return cls(
            _number(details.get("starts")),
            _number(refined.get("rounds")),
            str(refined.get("greedy_start")),
            totals if isinstance(totals, Mapping) else {},
        )


@dataclass(frozen=True)
class _Search:
    """What a search for a path does.

    Attributes
    ----------
    starts : ndarray of int64, shape (s,)
        Where paths begin: indices of the concepts sorted by key.
    asked : int
        How many starts the request asks for.
    rounds : int
        Rounds of refining.
    deadline : float or None
    machine, report
        As for `Ordering.arrangement`.
    believed : tuple of int and _Claims, or None
        How many starts were tried for a published version, which says of their totals what is believed; None to try
        `starts` and nothing else.
    """

    starts: NDArray[np.int64]
    asked: int
    rounds: int
    deadline: float | None
    machine: Machine
    report: Report
    believed: tuple[int, _Claims] | None = None


def _details(path: "GreedyPath", work: _Search) -> dict[str, Json]:
    """Return the facts about how a path was found, for the manifest."""
    totals = np.sort(path.totals)
    tried, others = len(totals), dict[str, Json]()
    if work.believed is not None:
        tried, claims = work.believed
        others = {name: claims.totals[name] for name in ("median", "largest") if tried > 1 and name in claims.totals}
    return {
        "starts": tried,
        "starts_asked": work.asked,
        "complete": tried == work.asked,
        "total_distance": _as_float(path.total),
        "start_totals": {
            "least": _as_float(totals[0]),
            "median": _as_float(totals[(len(totals) - 1) // 2]),
            "largest": _as_float(totals[-1]),
            **others,
        },
    }


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _as_float(distance: int) -> float:
    """Return an exact distance, or a sum of them, as a cosine distance."""
    from concept_orderings.path import distance_as_cosine  # noqa: PLC0415

    return float(distance_as_cosine(int(distance)))
