"""Make a Continuum scenario of a stream of one dataset: `python examples/on_continuum.py URL NAME`.

The images are made up; your job has a dataset and its list of classes.
"""

import sys

import numpy as np
from continuum.datasets import InMemoryDataset
from continuum.scenarios import ClassIncremental

from concept_orderings.client import Client


def main(url: str, name: str) -> None:
    """Print the classes of each task."""
    stream = Client(url).stream(name, version=1)
    pairs = sorted(pair for task in stream.concepts_by_task for pair in task)
    dataset, classes = pairs[0][0], [class_name for _, class_name in pairs]  # in your job: dataset.classes
    labels = stream.labels({dataset: classes})

    targets = np.tile(np.arange(len(classes)), 5)
    images = np.random.default_rng(0).integers(0, 256, (len(targets), 8, 8, 3), dtype=np.uint8)
    order = labels.old_of_new.tolist()
    scenario = ClassIncremental(InMemoryDataset(images, targets), increment=list(stream.sizes), class_order=order)
    for task, samples in enumerate(scenario):
        # Continuum numbers labels by their place in the order.
        seen = {order[new] for new in samples._y}
        print(f"task {task}: {', '.join(classes[label] for label in sorted(seen))}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
