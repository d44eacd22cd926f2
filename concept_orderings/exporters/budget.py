"""The budget of training that exports have: the version's own, or that of the FoMo-in-Flux benchmark.

The benchmark's budget is 28,400 steps with a batch of 512, over all tasks.
"""

import math
from fractions import Fraction

from concept_orderings.errors import CannotExpress
from concept_orderings.published import PublishedVersion
from concept_orderings.training import BATCH_SIZE, MIXTURE, POOLS, RULES, whole_shares
from concept_orderings.training_request import Training, read_training

_STEPS = 28_400
_BENCHMARK = RULES[0]


def samples_of_a_task(tasks: int) -> int:
    """Return the samples of each of T tasks in the benchmark: 727,040 for 20, which is its default."""
    return max(1, _STEPS // tasks) * BATCH_SIZE


def training_of(version: PublishedVersion) -> Training:
    """Return the training of a version, or the benchmark's for as many tasks if its request gives none."""
    written = version.manifest["request"].get("training")
    if written is not None:
        return read_training(written)
    return Training(samples_of_a_task(len(version.sizes)), BATCH_SIZE, MIXTURE, _BENCHMARK)


def benchmark_shares(training: Training, format_name: str) -> dict[str, float]:
    """Return the shares of a batch as doubles with which the benchmark's code computes exactly this batch.

    Its code multiplies doubles: 0.29 of a batch of 100 are 28 samples there, and 29 in exact numbers. So a share that
    it would cut wrongly is the next double that it cuts rightly.

    Raises
    ------
    CannotExpress
        The first task has another batch than the benchmark's rule gives it.
    """
    shares = training.mixture
    if training.rule != _BENCHMARK:
        later = training.batch(first=False)
        shares = {pool: Fraction(later[pool], training.batch_size) for pool in POOLS}
        first = whole_shares(training.batch_size, shares, first=True, rule=_BENCHMARK)
        if first != training.batch(first=True):
            raise CannotExpress.of(
                format_name,
                f"in its first task a batch has {training.batch(first=True)['update']:,} samples of update, and the "
                f"benchmark's code, which halves the buffer's samples, gives {first['update']:,}",
                f"Post the stream with the rule {_BENCHMARK}, or read the batches in its manifest",
            )
    return {pool: _double(share, training.batch_size) for pool, share in shares.items()}


def _double(share: Fraction, batch_size: int) -> float:
    """Return the double nearest to a share for which ``int(batch_size * double)`` is the whole part of the product."""
    whole = math.floor(batch_size * share)
    double = float(share)
    # Neighbouring doubles give products that differ by less than 1, so each whole part is met on the way.
    while int(batch_size * double) < whole:
        double = math.nextafter(double, math.inf)
    while int(batch_size * double) > whole:
        double = math.nextafter(double, 0)
    return double
