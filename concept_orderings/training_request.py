"""The field ``training`` of a request: the budget of a task and the mixture of a batch, in canonical form."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from concept_orderings.canonical import Json
from concept_orderings.checks import check_fields, check_mapping
from concept_orderings.errors import BadTraining, UnreadableRequest
from concept_orderings.faults import Faults
from concept_orderings.shapes import Choice, Either, Integer, Number, Refusal, RequestField, Text
from concept_orderings.training import (
    BATCH_SIZE,
    MIXTURE,
    POOLS,
    QUOTIENT,
    RULES,
    SAMPLES_PER_TASK,
    Pool,
    Rule,
    exact_share,
    steps_of,
    whole_shares,
)

NAME = "training"
POINTER = f"/{NAME}"

_NO_SHARE = Refusal(
    BadTraining,
    "bad_share",
    'A share of the mixture is a number from 0 to 1, or a string with a fraction, such as "1/3".',
)
_SHARE = Either(
    (Number(_NO_SHARE, 0, 1), Text(_NO_SHARE, (f"^({QUOTIENT})$",), without=(r"\n",))), type_refusal=_NO_SHARE
)

_POOLS: Mapping[Pool, str] = {
    "pretraining": "The share of samples from the data of the pretraining. Left out: 0.",
    "update": "The share of samples from the concepts of the task. Left out: 0.",
    "buffer": "The share of samples from the concepts of all earlier tasks. Left out: 0.",
}

MIXTURE_FIELDS = tuple(RequestField(pool, _SHARE, _POOLS[pool], (float(MIXTURE[pool]), "1/3")) for pool in POOLS)
"""The shares of a mixture."""


MOST_BATCH = 10**9
"""The largest batch: a double cuts it into whole samples rightly."""

_BAD_SAMPLES = Refusal(
    BadTraining, "bad_samples_per_task", "The number of samples in a task is an integer from 1 to 2^53 - 1."
)
_BAD_BATCH = Refusal(BadTraining, "bad_batch_size", f"The size of a batch is an integer from 1 to {MOST_BATCH:,}.")

SAMPLES = RequestField(
    "samples_per_task",
    Integer(_BAD_SAMPLES, 1),
    f"How many samples training sees in each task, repetitions counted. Left out: {SAMPLES_PER_TASK:,}, which are the "
    "benchmark's for 20 tasks.",
    (SAMPLES_PER_TASK,),
)
BATCH = RequestField(
    "batch_size",
    Integer(_BAD_BATCH, 1, MOST_BATCH),
    f"How many samples a batch has. Left out: {BATCH_SIZE}.",
    (BATCH_SIZE,),
)
RULE = RequestField(
    "rule",
    Choice(Refusal(BadTraining, "bad_batch_rule", f"The rule for a batch is one of {', '.join(RULES)}."), RULES),
    "How a batch is cut into whole samples. `benchmark`, which holds if it is left out: the integer part of each "
    "share, and what is left one by one in the order of the pools. `largest-remainder`: what is left goes to the "
    "largest fractional parts.",
    (RULES[0],),
)
MIXTURE_NAME = "mixture"

TRAINING_FIELDS = (SAMPLES, BATCH, RULE)
"""The fields beside the mixture."""


@dataclass(frozen=True)
class Training:
    """A budget and a mixture.

    Attributes
    ----------
    samples_per_task : int
        The samples that training sees in each task, repetitions counted.
    batch_size : int
        At most `samples_per_task`.
    mixture : mapping of Pool to Fraction
        The share of each pool in a batch; they add up to 1.
    rule : Rule
        How a batch is cut into whole samples.
    """

    samples_per_task: int
    batch_size: int
    mixture: Mapping[Pool, Fraction]
    rule: Rule

    @property
    def steps(self) -> int:
        """The steps of a task."""
        return steps_of(self.samples_per_task, self.batch_size)

    def batch(self, *, first: bool) -> dict[Pool, int]:
        """Return the samples of each pool in a batch of the first task, or of a later one."""
        return whole_shares(self.batch_size, self.mixture, first=first, rule=self.rule)

    def as_json(self) -> dict[str, Json]:
        """Return the training as the canonical request has it: all fields, shares as reduced fractions."""
        return {
            SAMPLES.name: self.samples_per_task,
            BATCH.name: self.batch_size,
            MIXTURE_NAME: {pool: str(self.mixture[pool]) for pool in POOLS},
            RULE.name: self.rule,
        }

    def task_as_json(self, task: int) -> dict[str, Json]:
        """Return what the manifest says of a task, which are numbered from 0: its steps and its batch."""
        batch = self.batch(first=task == 0)
        return {"steps": self.steps, "batch": {str(pool): size for pool, size in batch.items()}}


def parse_training(value: object, faults: Faults) -> Training | None:
    """Read the field, or return None if it has a fault.

    What is left out, or null, is that of the FoMo-in-Flux benchmark. A pool that a mixture leaves out has no share.

    The faults have the codes ``wrong_type``, ``unknown_field``, ``bad_samples_per_task``, ``bad_batch_size``,
    ``bad_share``, ``bad_mixture``, ``bad_batch_rule`` and ``no_steps``.
    """
    before = faults.found
    body = faults.attempt(check_mapping, value, POINTER)
    if body is None:
        return None
    faults.attempt(check_fields, body, [SAMPLES.name, BATCH.name, MIXTURE_NAME, RULE.name], POINTER)
    doubtful = {each.name for each in TRAINING_FIELDS if _has_faults(each, body, faults)}
    samples, batch_size = _or_default(body, SAMPLES, SAMPLES_PER_TASK), _or_default(body, BATCH, BATCH_SIZE)
    if doubtful.isdisjoint((SAMPLES.name, BATCH.name)):
        _find_no_steps(body, samples, batch_size, faults)
    written = body.get(MIXTURE_NAME)
    mixture = MIXTURE if written is None else _parse_mixture(written, faults)
    if faults.found != before or mixture is None:
        return None
    return Training(samples, batch_size, mixture, _or_default(body, RULE, RULES[0]))


def read_training(written: object) -> Training:
    """Return the training that `Training.as_json` wrote, in this release or an earlier one.

    Raises
    ------
    UnreadableRequest
        For a form or a rule that this release does not know.
    """
    match written:
        case {
            "samples_per_task": int(samples),
            "batch_size": int(batch_size),
            "mixture": {"pretraining": str(pretraining), "update": str(update), "buffer": str(buffer)},
            "rule": ("benchmark" | "largest-remainder") as rule,
        } if batch_size > 0:
            try:
                mixture: dict[Pool, Fraction] = {
                    "pretraining": Fraction(pretraining),
                    "update": Fraction(update),
                    "buffer": Fraction(buffer),
                }
            except (ValueError, ZeroDivisionError) as error:
                raise UnreadableRequest.with_unknown("a form of shares") from error
            return Training(samples, batch_size, mixture, rule)
        case _:
            raise UnreadableRequest.with_unknown("a form of training")


def _has_faults(field: RequestField, body: Mapping[str, object], faults: Faults) -> bool:
    before = faults.found
    if body.get(field.name) is not None:
        field.shape.find_faults(body[field.name], f"{POINTER}/{field.name}", faults)
    return faults.found > before


def _or_default(body: Mapping[str, Any], field: RequestField, default: Any) -> Any:
    value = body.get(field.name)
    return default if value is None else value


def _find_no_steps(body: Mapping[str, object], samples: int, batch_size: int, faults: Faults) -> None:
    if steps_of(samples, batch_size) < 1:
        given = [f"{POINTER}/{each.name}" for each in (SAMPLES, BATCH) if body.get(each.name) is not None]
        detail = (
            f"A batch has {batch_size:,} samples and a task {samples:,}, so a task has no whole batch and no step; "
            "give samples_per_task that are at least the batch_size."
        )
        faults.add(BadTraining("no_steps", detail, given))


def _parse_mixture(value: object, faults: Faults) -> Mapping[Pool, Fraction] | None:
    pointer = f"{POINTER}/{MIXTURE_NAME}"
    before = faults.found
    body = faults.attempt(check_mapping, value, pointer)
    if body is None:
        return None
    faults.attempt(check_fields, body, POOLS, pointer)
    shares: dict[Pool, Fraction] = dict.fromkeys(POOLS, Fraction(0))
    for pool in POOLS:
        if body.get(pool) is not None:
            share = faults.attempt(_parse_share, body[pool], f"{pointer}/{pool}")
            shares[pool] = share or Fraction(0)
    if faults.found != before:
        return None
    total = sum(shares.values(), Fraction(0))
    if total != 1:
        detail = (
            f"The shares of the mixture add up to {total} ({float(total):.6g}), and not to 1; change one of them. A "
            'number means its decimal, so for a third give "1/3" and not 0.33.'
        )
        faults.add(BadTraining("bad_mixture", detail, [pointer]))
        return None
    return shares


def _parse_share(value: object, pointer: str) -> Fraction:
    _SHARE.check(value, pointer)
    try:
        return exact_share(value)
    except ValueError as error:
        raise BadTraining("bad_share", f"{str(error).capitalize()}.", [pointer]) from error
