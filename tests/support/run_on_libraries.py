"""Run Avalanche and Continuum on exports; a program of its own, since their imports would change the tests' process.

Reads a JSON list of exports from standard input, each an object with ``avalanche`` and ``continuum`` and the number of
global labels as ``labels``. Writes a JSON list: for each, by way of making the benchmark, the labels of each task.
"""

import json
import sys
from typing import Any

import numpy as np
import torch
from avalanche.benchmarks.scenarios.deprecated.generators import nc_benchmark
from avalanche.benchmarks.scenarios.supervised import class_incremental_benchmark
from avalanche.benchmarks.utils import as_classification_dataset
from continuum.datasets.base import InMemoryDataset
from continuum.scenarios.class_incremental import ClassIncremental

OF_EACH = 2
"""How many samples a label has."""


class Samples(torch.utils.data.Dataset[tuple[torch.Tensor, int]]):
    """Samples whose first number is their label."""

    def __init__(self, labels: list[int]) -> None:
        self.targets = [label for label in labels for _ in range(OF_EACH)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return torch.tensor([float(self.targets[i])]), self.targets[i]


def labels_seen(experience: Any) -> list[int]:
    """Return the labels of the data of an experience, read from the samples and not from the targets."""
    return sorted({int(sample[0][0]) for sample in experience.dataset})


def with_reproducibility_data(export: dict[str, Any], labels: int) -> list[list[int]]:
    data = Samples(list(range(labels)))
    benchmark = nc_benchmark(data, data, 0, False, reproducibility_data=export["reproducibility_data"])
    found = [labels_seen(each) for each in benchmark.train_stream]
    assert found == [labels_seen(each) for each in benchmark.test_stream]
    return found


def with_class_order(export: dict[str, Any], labels: int) -> list[list[int]]:
    datasets = {"train": as_classification_dataset(Samples(list(range(labels))))}
    sizes = export["num_classes_per_exp"]
    benchmark = class_incremental_benchmark(datasets, class_order=export["class_order"], num_classes_per_exp=sizes)
    return [labels_seen(each) for each in benchmark.streams["train"]]


def with_continuum(export: dict[str, Any]) -> list[list[int]]:
    # The user of the export keeps the samples of its classes, and numbers them as original_ids says.
    number = {original: i for i, original in enumerate(export["original_ids"])}
    samples = [original for original in export["original_ids"] for _ in range(OF_EACH)]
    data = InMemoryDataset(np.array(samples)[:, None, None, None], np.array([number[each] for each in samples]))
    scenario = ClassIncremental(data, increment=export["increment"], class_order=export["class_order"])
    return [sorted({int(each.ravel()[0]) for each in task._x}) for task in scenario]


def main() -> None:
    results = []
    for each in json.load(sys.stdin):
        avalanche, labels = each["avalanche"], each["labels"]
        result = {
            "nc_benchmark": with_reproducibility_data(avalanche, labels),
            "continuum": with_continuum(each["continuum"]),
        }
        # This one takes no part of a dataset's classes.
        if len(avalanche["class_order"]) == labels:
            result["class_incremental_benchmark"] = with_class_order(avalanche, labels)
        results.append(result)
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
