"""The budget of training: steps of each task, and how many samples of a batch come from each pool.

The service writes these numbers into versions, and clients plan batches with them, by the same code. Numbers are exact:
a JSON number or a Python float means its shortest decimal, so 0.33 is 33/100.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from itertools import cycle, islice
from types import MappingProxyType
from typing import Literal, TypeAlias

Pool: TypeAlias = Literal["pretraining", "update", "buffer"]
Rule: TypeAlias = Literal["benchmark", "largest-remainder"]

POOLS: tuple[Pool, ...] = ("pretraining", "update", "buffer")
"""Where the samples of a batch come from: the data of pretraining, the concepts of the task, and those of all earlier
tasks."""

RULES: tuple[Rule, ...] = ("benchmark", "largest-remainder")

SAMPLES_PER_TASK = 727_040
"""The samples of a task in FoMo-in-Flux, with 20 tasks."""

BATCH_SIZE = 512
MIXTURE: Mapping[Pool, Fraction] = MappingProxyType(
    {"pretraining": Fraction(33, 100), "update": Fraction(34, 100), "buffer": Fraction(33, 100)}
)
"""The shares of a batch in FoMo-in-Flux."""

MOST_DIGITS = 18
QUOTIENT = rf"([0-9]{{1,{MOST_DIGITS}}})/(0*[1-9][0-9]{{0,{MOST_DIGITS - 1}}})|0|1"
"""A regular expression for a share that is text; the whole ones are how canonical requests write them."""

_QUOTIENT = re.compile(QUOTIENT)


def exact_share(value: object) -> Fraction:
    """Return the share from 0 to 1 that a number, or a quotient such as ``"1/3"`` (also ``"0"`` or ``"1"``), means.

    Raises
    ------
    ValueError
        If it is neither, is not from 0 to 1, or has more than 18 digits behind the point.
    """
    match value:
        case Fraction() as share:
            pass
        case bool():
            raise ValueError('a share is a number from 0 to 1, or a quotient such as "1/3"')
        case int():
            share = Fraction(value)
        case float() if math.isfinite(value):
            # Of float itself: subclasses such as NumPy's have other texts.
            share = Fraction(Decimal(float.__repr__(value)))
        case str() if _QUOTIENT.fullmatch(value) is not None:
            share = Fraction(value)
        case _:
            raise ValueError('a share is a number from 0 to 1, or a quotient such as "1/3"')
    if not 0 <= share <= 1 or share.denominator > 10**MOST_DIGITS:
        raise ValueError(f"a share lies from 0 to 1, and has at most {MOST_DIGITS} digits behind the point")
    return share


def steps_of(samples: int, batch_size: int) -> int:
    """Return the steps in which a task has this many samples, rounded down: what does not fill a batch is left out."""
    return samples // batch_size


def whole_shares(
    batch_size: int, mixture: Mapping[Pool, Fraction], *, first: bool, rule: Rule = "benchmark"
) -> dict[Pool, int]:
    """Return how many samples of a batch come from each pool; they add up to `batch_size`.

    With the rule ``benchmark`` (FoMo-in-Flux, arXiv 2408.14471), each pool gets the integer part of its share, and what
    is left goes one by one to the pools in the order of `POOLS`, also to a pool without a share. In the first task,
    which has no buffer, the samples of the buffer are halved: update gets the larger half, pretraining the other one.
    If the batch has no samples of pretraining, update gets all.

    With ``largest-remainder`` (Hamilton's method), what is left goes to the pools with the largest fractional parts, of
    equal ones to the first in the order of `POOLS`. In the first task, the share of the buffer is halved before that,
    or goes to update if pretraining has no share.

    Parameters
    ----------
    batch_size
        Samples of a batch, at least 1.
    mixture
        The share of each pool; they add up to 1.
    first
        Whether it is for the first task, which may also be the only one.
    rule
        One of `RULES`.
    """
    shares: dict[Pool, Fraction] = {pool: batch_size * mixture[pool] for pool in POOLS}
    return _RULES[rule](batch_size, shares, first)


def _benchmark(batch_size: int, shares: Mapping[Pool, Fraction], first: bool) -> dict[Pool, int]:
    whole = {pool: math.floor(share) for pool, share in shares.items()}
    for pool in islice(cycle(POOLS), batch_size - sum(whole.values())):
        whole[pool] += 1
    if first:
        half = whole["buffer"] // 2 if whole["pretraining"] else 0
        whole["pretraining"] += half
        whole["update"] += whole["buffer"] - half
        whole["buffer"] = 0
    return whole


def _largest_remainder(batch_size: int, shares: Mapping[Pool, Fraction], first: bool) -> dict[Pool, int]:
    wanted = dict(shares)
    if first:
        half = wanted["buffer"] / 2 if wanted["pretraining"] else Fraction(0)
        wanted["pretraining"] += half
        wanted["update"] += wanted["buffer"] - half
        wanted["buffer"] = Fraction(0)
    whole = {pool: math.floor(share) for pool, share in wanted.items()}
    by_remainder = sorted(POOLS, key=lambda pool: whole[pool] - wanted[pool])
    for pool in by_remainder[: batch_size - sum(whole.values())]:
        whole[pool] += 1
    return whole


_RULES: Mapping[Rule, Callable[[int, Mapping[Pool, Fraction], bool], dict[Pool, int]]] = {
    "benchmark": _benchmark,
    "largest-remainder": _largest_remainder,
}
