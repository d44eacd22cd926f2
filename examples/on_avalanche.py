"""Make an Avalanche benchmark of a stream of one dataset: `python examples/on_avalanche.py URL NAME`.

The images are made up; your job has a dataset and its list of classes.
"""

import sys

import torch
from avalanche.benchmarks.scenarios.supervised import class_incremental_benchmark
from avalanche.benchmarks.utils import as_classification_dataset
from torch.utils.data import TensorDataset

from concept_orderings.client import Client


def main(url: str, name: str) -> None:
    """Print the classes of each experience."""
    stream = Client(url).stream(name, version=1)
    pairs = sorted(pair for task in stream.concepts_by_task for pair in task)
    dataset, classes = pairs[0][0], [class_name for _, class_name in pairs]  # in your job: dataset.classes
    labels = stream.labels({dataset: classes})

    images = TensorDataset(torch.randn(5 * len(classes), 3, 8, 8), torch.arange(len(classes)).repeat(5))
    images.targets = images.tensors[1].tolist()  # type: ignore[attr-defined]  # Avalanche reads the labels there
    benchmark = class_incremental_benchmark(
        {"train": as_classification_dataset(images)},
        class_order=labels.old_of_new.tolist(),
        num_classes_per_exp=list(stream.sizes),
    )
    for task, experience in enumerate(benchmark.streams["train"]):
        seen = {int(sample[1]) for sample in experience.dataset}
        print(f"task {task}: {', '.join(classes[label] for label in sorted(seen))}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
