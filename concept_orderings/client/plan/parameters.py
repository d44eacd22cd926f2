"""The parameters of a plan, from the caller and from the version: checked together, and named in states."""

import operator
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, SupportsIndex, TypeAlias, TypedDict

from concept_orderings.canonical import canonical_json, sha256_hex
from concept_orderings.client.errors import BadArgument
from concept_orderings.client.labels import StreamLabels, samples_of
from concept_orderings.client.plan.permutation import LARGEST
from concept_orderings.concepts import join_concept
from concept_orderings.errors import InvalidInput
from concept_orderings.training import BATCH_SIZE, MIXTURE, POOLS, RULES, Pool, Rule, exact_share, steps_of

SAMPLES_PER_TASK = 727_040
"""The budget of a task in FoMo-in-Flux with 20 tasks."""
UNIFORM_OVER = ("images", "concepts")
MOST_SAMPLES = 1 << 32
"""The largest batch, and the largest budget of a task in batches."""
LARGEST_SEED = (1 << 64) - 1

Pair: TypeAlias = tuple[str, str]
Share: TypeAlias = float | str | Fraction
GivenSamples: TypeAlias = Mapping[str, Sequence[int] | Mapping[str, int]] | Mapping[Pair, int]


class PlannedStream(Protocol):
    """What a plan reads of a stream."""

    @property
    def name(self) -> str:
        """The stream's name."""

    @property
    def version(self) -> int:
        """The version's number."""

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest."""

    @property
    def concepts_by_task(self) -> Sequence[Sequence[Pair]]:
        """For each task, the dataset and the class name of its concepts, in order."""

    @property
    def training(self) -> Mapping[str, Any] | None:
        """The field ``training`` of the canonical request; None if it has none."""


@dataclass(frozen=True)
class PlanParameters:
    """All that decides batches beside the version.

    Attributes
    ----------
    batch_size : int
        Samples of the global batch.
    samples_per_task : int
        The budget of a task; what does not fill a batch is left out.
    mixture : mapping of pool to Fraction
        The shares of a batch; they add up to 1.
    rule : {"benchmark", "largest-remainder"}
        How shares become whole numbers; see `concept_orderings.training.whole_shares`.
    samples : tuple of int, (n,)
        The number of samples of each concept, by position in the stream.
    pretraining : int
        The size of the pretraining pool.
    uniform_over : {"images", "concepts"}
        What is drawn uniformly in the pools of update and of the buffer.
    blurry : Fraction
        The share of update samples that come from the tasks before and after.
    repetition : Fraction
        The weight of a sample (or of a concept) of earlier tasks among update samples; one of the task itself has 1.
    seed : int
    """

    batch_size: int
    samples_per_task: int
    mixture: Mapping[Pool, Fraction]
    rule: Rule
    samples: tuple[int, ...]
    pretraining: int
    uniform_over: str
    blurry: Fraction
    repetition: Fraction
    seed: int

    @property
    def steps(self) -> int:
        """The steps of each task."""
        return steps_of(self.samples_per_task, self.batch_size)

    def as_json(self) -> dict[str, Any]:
        """Return the parameters without the seed as a state names them: samples by their digest."""
        return {
            "batch_size": self.batch_size,
            "samples_per_task": self.samples_per_task,
            "mixture": {pool: str(share) for pool, share in self.mixture.items()},
            "rule": self.rule,
            "samples": sha256_hex(canonical_json(list(self.samples))),
            "pretraining": self.pretraining,
            "uniform_over": self.uniform_over,
            "blurry": str(self.blurry),
            "repetition": str(self.repetition),
        }


class PlanOptions(TypedDict, total=False):
    """What a caller may give for a plan; None is as good as nothing.

    Attributes
    ----------
    rank, world_size : int
        By default those of `torch.distributed` where it is initialised; else ``RANK`` and ``WORLD_SIZE`` of the
        environment; else 0 of 1.
    batch_size : int
        Samples of the global batch, of all ranks together. By default what the version's ``training`` says, or 512.
    samples_per_task : int
        The budget of each task; what does not fill a batch is left out. By default the version's, or 727,040.
    mixture : mapping of pool to share
        They add up to 1; a float means its shortest decimal, and ``"1/3"`` is possible. By default the version's, or
        0.33 of pretraining, 0.34 of update and 0.33 of buffer.
    rule : str
        ``benchmark`` or ``largest-remainder``; see `concept_orderings.training.whole_shares`.
    samples
        For each dataset, by either of its names, the number of samples of each class: by class, or a list in the order
        of the labels. Or by dataset and class name.
    labels : StreamLabels
        The labels of such lists; by default those of the catalogue.
    pretraining : int
        The size of the user's own pretraining pool; its samples are the numbers below it.
    uniform_over : str
        ``images``: each sample of a pool is as probable as any other one. ``concepts``: each concept is.
    blurry : share
        The share of update samples that come from the tasks before and after. By default 0.
    repetition : share
        The weight, from 0 to 1, with which earlier tasks' samples (or concepts) are among update samples; those of the
        task have 1. By default 0.
    seed : int
        From 0, the default, to 2**64 - 1.
    """

    rank: int | None
    world_size: int | None
    batch_size: int | None
    samples_per_task: int | None
    mixture: Mapping[str, Share] | None
    rule: str | None
    samples: GivenSamples | None
    labels: StreamLabels | None
    pretraining: int | None
    uniform_over: str | None
    blurry: Share | None
    repetition: Share | None
    seed: int | None


def read_parameters(stream: PlannedStream, options: PlanOptions) -> PlanParameters:
    """Return the parameters of a plan.

    Parameters
    ----------
    stream
        Its ``training`` holds where the caller gives nothing; else FoMo-in-Flux's numbers do.
    options
        What the caller gives.

    Raises
    ------
    BadArgument
        With all faults.
    InvalidInput
        The samples do not fit the stream.
    """
    given = {name: each for name, each in options.items() if each is not None}
    read = _Reader({**(stream.training or {}), **given})
    read.refuse_unknown(set(given) - PlanOptions.__annotations__.keys())
    parameters = PlanParameters(
        batch_size=read.number("batch_size", BATCH_SIZE, 1, MOST_SAMPLES),
        samples_per_task=read.number("samples_per_task", SAMPLES_PER_TASK, 1, LARGEST),
        mixture=read.mixture(),
        rule=read.choice("rule", RULES),  # type: ignore[arg-type]
        samples=read.samples(stream, options.get("samples"), options.get("labels")),
        pretraining=read.number("pretraining", 0, 0, LARGEST),
        uniform_over=read.choice("uniform_over", UNIFORM_OVER),
        blurry=read.share("blurry"),
        repetition=read.share("repetition"),
        seed=read.number("seed", 0, 0, LARGEST_SEED),
    )
    if parameters.mixture["pretraining"] and "pretraining" not in given:
        read.faults.append(
            f"{parameters.mixture['pretraining']} of a batch is of the pretraining pool, and its size is not given: "
            "give pretraining=N, or a mixture without it."
        )
    if parameters.samples_per_task < parameters.batch_size:
        read.faults.append(
            f"A batch has {parameters.batch_size:,} samples, and a task only {parameters.samples_per_task:,}: "
            "it has no step."
        )
    read.refuse()
    return parameters


class _Reader:
    """Reads values, and collects a sentence for each fault."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = values
        self.faults: list[str] = []

    def refuse_unknown(self, names: Set[str]) -> None:
        self.faults.extend(f"A plan has no option {name!r}." for name in sorted(names))

    def number(self, name: str, default: int, least: int, most: int) -> int:
        given = self.values.get(name, default)
        try:
            value = least - 1 if isinstance(given, bool) else operator.index(given)
        except TypeError:
            value = least - 1
        if least <= value <= most:
            return value
        self.faults.append(f"{name} is a whole number from {least:,} to {most:,}, not {given!r}.")
        return max(least, default)

    def choice(self, name: str, choices: Sequence[str]) -> str:
        given = self.values.get(name, choices[0])
        if given not in choices:
            self.faults.append(f"{name} is {' or '.join(map(repr, choices))}, not {given!r}.")
            return choices[0]
        return str(given)

    def share(self, name: str) -> Fraction:
        return self._share(name, self.values.get(name, 0))

    def mixture(self) -> Mapping[Pool, Fraction]:
        given = self.values.get("mixture", MIXTURE)
        if not isinstance(given, Mapping) or not set(given) <= set(POOLS):
            self.faults.append(f"mixture has shares of {', '.join(POOLS)}, not {given!r}.")
            return MIXTURE
        before = len(self.faults)
        shares: dict[Pool, Fraction] = {
            pool: self._share(f"The share of {pool} in mixture", given.get(pool, 0)) for pool in POOLS
        }
        if sum(shares.values()) != 1 and len(self.faults) == before:
            self.faults.append(f"The shares of mixture add up to {sum(shares.values())}, not to 1.")
        return shares

    def samples(
        self, stream: PlannedStream, given: GivenSamples | None, labels: StreamLabels | None
    ) -> tuple[int, ...]:
        pairs = [(dataset, class_name) for task in stream.concepts_by_task for dataset, class_name in task]
        if given is None:
            self.faults.append("The number of samples of each class is not given: give samples={DATASET: numbers, …}.")
            return (1,) * len(pairs)
        if not _is_mapping(given):
            self.faults.append(
                f"samples has numbers by dataset, {{DATASET: numbers, …}}, and is no {type(given).__name__}."
            )
            return (1,) * len(pairs)
        try:
            by_pair = samples_of(_by_dataset(given), [join_concept(*pair) for pair in pairs], labels)
        except InvalidInput:
            # All faults in one answer; but those of samples have codes and an answer of their own.
            self.refuse()
            raise
        numbers = tuple(by_pair[pair] for pair in pairs)
        if sum(numbers) > LARGEST:
            self.faults.append(f"There are {sum(numbers):,} samples in all, and at most {LARGEST:,} can be drawn from.")
            return (1,) * len(pairs)
        return numbers

    def refuse(self) -> None:
        if self.faults:
            raise BadArgument.of(" ".join(self.faults))

    def _share(self, name: str, given: object) -> Fraction:
        try:
            return exact_share(_plain(given))
        except ValueError as error:
            self.faults.append(f"{name} is {given!r}: {error}.")
            return Fraction(0)


def _is_mapping(given: object) -> bool:
    return isinstance(given, Mapping)


def _by_dataset(given: GivenSamples) -> Mapping[str, Sequence[int] | Mapping[str, int]]:
    """Return samples by dataset where they are given by dataset and class name."""
    datasets: dict[str, Any] = {}
    for key, each in given.items():
        if isinstance(key, tuple):
            datasets.setdefault(key[0], {})[key[1]] = each
        else:
            datasets[key] = each
    return datasets


def _plain(given: object) -> object:
    """Return Python's number of a number of NumPy."""
    if isinstance(given, float | int | str | Fraction):
        return given
    try:
        return operator.index(given) if isinstance(given, SupportsIndex) else given
    except TypeError:
        return given
