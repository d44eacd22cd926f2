"""Train a small model on a stream, and go on after a stop: `python examples/train.py URL NAME CHECKPOINT`.

The images are made up: each class has a pattern, and each sample noise of its own.
"""

import sys
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

from concept_orderings.client import Client
from concept_orderings.client.plan import Item

SAMPLES_PER_CLASS, PRETRAINING = 20, 1000


class Images:
    """The label and the image of each item: (1,) int64 and (64,) float32."""

    def __init__(self, concepts: list[tuple[str, str]]) -> None:
        self.labels = {pair: label for label, pair in enumerate(concepts)}

    def __call__(self, item: Item) -> tuple[int, torch.Tensor]:
        """Return a sample; in the pretraining pool, each class comes in turn."""
        label = item.index % len(self.labels)
        if item.dataset is not None and item.class_name is not None:
            label = self.labels[item.dataset, item.class_name]
        pattern = torch.randn(64, generator=torch.Generator().manual_seed(label))
        noise = torch.randn(64, generator=torch.Generator().manual_seed(1000 + item.index))
        return label, pattern + noise


def main(url: str, name: str, checkpoint: Path) -> None:
    """Train all tasks, and save after each."""
    stream = Client(url).stream(name, version=1)
    concepts = [pair for task in stream.concepts_by_task for pair in task]
    cursor = stream.cursor(
        batch_size=15,
        samples_per_task=300,
        samples=dict.fromkeys(concepts, SAMPLES_PER_CLASS),  # in your job: dataset.samples of each class
        pretraining=PRETRAINING,
    )
    torch.manual_seed(0)
    model = torch.nn.Linear(64, len(concepts))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        cursor.load_state_dict(saved["stream"])

    dataset = cursor.as_iterable_dataset(load=Images(concepts))
    loader = DataLoader(dataset, batch_size=dataset.batch_size, num_workers=1)
    for step, (labels, images) in cursor.follow(loader):
        loss = cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step.index == cursor.plan.steps - 1:
            print(f"task {step.task}: loss {loss.item():.4f}")
            torch.save({"model": model.state_dict(), "stream": cursor.state_dict()}, checkpoint)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
