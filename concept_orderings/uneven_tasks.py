"""Warn of tasks whose training samples differ much: a model trains on them for equally many steps."""

import json
from collections.abc import Sequence
from fractions import Fraction

from concept_orderings.balance import balanced_sizes, task_samples
from concept_orderings.evidence.samples import Number
from concept_orderings.split import BalancedCount
from concept_orderings.stream_warnings import StreamWarning, WarningCode

LEAST_FACTOR = 2
"""The factor between the largest and the smallest task from which tasks are warned of."""


def uneven_tasks(samples: Sequence[Number], sizes: Sequence[int]) -> list[StreamWarning]:
    """Return the warning that tasks differ in their samples, if they do.

    Parameters
    ----------
    samples
        Of each arranged concept, exact and above 0, (n,).
    sizes
        Number of concepts in each task, (T,).
    """
    tasks = task_samples(samples, sizes)
    most, least = max(tasks), min(tasks)
    if most < LEAST_FACTOR * least:
        return []
    largest, smallest = tasks.index(most), tasks.index(least)
    sentence = (
        f"The tasks differ in training samples by a factor of {_factor(most, least)}: task {largest} has "
        f"{round(most):,} and task {smallest} has {round(least):,}. {_advice(samples, len(sizes), most)}"
    )
    small = sum(LEAST_FACTOR * each <= most for each in tasks)
    return [StreamWarning.of(WarningCode.UNEVEN_TASKS, sentence, count=small)]


def _factor(most: Fraction, least: Fraction) -> str:
    return f"{float(most / least):,.1f}"


def _advice(samples: Sequence[Number], tasks: int, most: Fraction) -> str:
    balanced = task_samples(samples, balanced_sizes(samples, tasks))
    if max(balanced) < most:
        split = json.dumps(BalancedCount(tasks).as_json())
        return f'With "tasks": {split} the factor is {_factor(max(balanced), min(balanced))}.'
    return f"No cut of this order into {tasks:,} tasks has a smaller largest one: ask for fewer, or for another order."
