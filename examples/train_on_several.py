"""Train as `train.py` does, on several processes, with the same batches; go on with any number of them.

usage: torchrun --nproc-per-node 2 examples/train_on_several.py URL NAME CHECKPOINT
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader
from train import PRETRAINING, SAMPLES_PER_CLASS, Images

from concept_orderings.client import Client


def main(url: str, name: str, checkpoint: Path) -> None:
    """Train all tasks; rank 0 saves after each."""
    dist.init_process_group("gloo")
    stream = Client(url).stream(name, version=1)
    concepts = [pair for task in stream.concepts_by_task for pair in task]
    cursor = stream.cursor(  # rank and world size are those of torch.distributed
        batch_size=15,  # of all ranks together
        samples_per_task=300,
        samples=dict.fromkeys(concepts, SAMPLES_PER_CLASS),
        pretraining=PRETRAINING,
    )
    torch.manual_seed(0)
    model = DistributedDataParallel(torch.nn.Linear(64, len(concepts)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.module.load_state_dict(saved["model"])
        cursor.load_state_dict(saved["stream"])

    dataset = cursor.as_iterable_dataset(load=Images(concepts))
    loader = DataLoader(dataset, batch_size=dataset.batch_size, num_workers=1)
    for step, (labels, images) in cursor.follow(loader):
        # Ranks have 8 and 7 samples of 15: with the weight, the mean of their gradients is that of the whole batch.
        loss = step.weight * cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step.index == cursor.plan.steps - 1 and dist.get_rank() == 0:
            print(f"task {step.task}: trained on {dist.get_world_size()} processes")
            torch.save({"model": model.module.state_dict(), "stream": cursor.state_dict()}, checkpoint)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
