"""Train on a small plan in processes that kill themselves at random steps, and compare what was trained.

usage: python killed_training.py

Reads a JSON object from its input: ``kills``, the number of kills for each way of running (`WAYS`); and ``seed``.
Prints a JSON object: for each way ``kills``, how many there were before all steps were trained, and ``trained``: the
steps in order, each as its number and the digest of its global batch.

A *life* trains with a random number of ranks: one process reads the loaders of all in turn, or (ways with ``ranks``)
each rank is a process of its own, in a group of `torch.distributed` over gloo. It saves what it trained and the state
every third step, and kills all of its processes (SIGKILL) at a random place of a random step. What was not saved is
lost with it, as the weights would be. The next life goes on from what is saved.
"""

import hashlib
import json
import os
import pickle
import random
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from torch.utils.data import DataLoader, Dataset

from concept_orderings.client.plan import Cursor, make_cursor

SAVED_EVERY = 3
PLACES = ("received", "trained", "half saved", "saved")
SIZES = ((30, 50, 10), (40, 20), (10, 10, 10, 200))
BATCH_SIZE = 12
STEPS = 20


class Stream:
    """A stream of three tasks."""

    name, version, digest, training = "killed", 1, "12" * 32, None
    concepts_by_task = tuple(tuple(("d", f"{t} {i}") for i in range(len(task))) for t, task in enumerate(SIZES))


PAIRS = [pair for task in Stream.concepts_by_task for pair in task]
SAMPLES = dict(zip(PAIRS, [n for task in SIZES for n in task], strict=True))
PRETRAINING = 77


@dataclass
class Life:
    """Where training is killed, with how many ranks it runs, and where it saves.

    Attributes
    ----------
    ranks : int
    steps : int or None
        It is killed in the step after so many; None: never.
    place : str
        Where in the step, one of `PLACES`.
    killer : int
        The rank that kills, where ranks are processes.
    workers : int
        Of each loader.
    folder : Path
    rank : int or None
        That of this process; None where it reads the loaders of all ranks.
    """

    ranks: int
    steps: int | None
    place: str
    killer: int
    workers: int
    folder: Path
    rank: int | None = None
    received: int = 0
    trained: list[tuple[int, str]] = field(default_factory=list)

    def cursors(self) -> list[Cursor]:
        """Return the cursors of the ranks that this process reads; a process of one rank asks `torch.distributed`."""
        ranks = range(self.ranks) if self.rank is None else [None]
        return [
            make_cursor(
                Stream(),
                rank=rank,
                world_size=None if rank is None else self.ranks,
                batch_size=BATCH_SIZE,
                samples_per_task=STEPS * BATCH_SIZE,
                samples=SAMPLES,
                pretraining=PRETRAINING,
                seed=3,
            )
            for rank in ranks
        ]

    def loading(self) -> dict[str, Any]:
        """Options of a loader."""
        return {"num_workers": self.workers, "prefetch_factor": 4 if self.workers else None}

    def train(self, number: int, parts: Sequence[Sequence[int]]) -> None:
        """Train a global batch of which this process has the parts of its ranks: note its number and its digest."""
        self.at("received")
        batch = [0] * BATCH_SIZE
        if self.rank is not None:
            parts = _of_all_ranks(parts, self.ranks)
        for rank, part in enumerate(parts):
            batch[rank :: self.ranks] = [int(each) for each in part]
        self.trained.append((number, digest_of(batch)))
        self.at("trained")
        self.received += 1

    def at(self, place: str) -> None:
        """Kill the process and its workers if it is to end here."""
        is_killer = self.rank in (None, self.killer)
        if is_killer and self.steps is not None and self.received >= self.steps and place == self.place:
            os.killpg(0, signal.SIGKILL)

    def save(self, state: object) -> None:
        """Save every third step, by one process."""
        if self.received % SAVED_EVERY == 0 and not self.rank:
            unfinished = self.folder / "unfinished"
            unfinished.write_bytes(pickle.dumps((self.trained, state)))
            self.at("half saved")
            unfinished.rename(self.folder / "saved")
            self.at("saved")

    def saved(self) -> Any:
        """Return the state that was saved last, and take over what was trained until then; None at the start."""
        with suppress(FileNotFoundError):
            self.trained, state = pickle.loads((self.folder / "saved").read_bytes())
            return state
        return None

    def end(self) -> None:
        """Save that all steps were trained."""
        if not self.rank:
            (self.folder / "all").write_text(json.dumps(self.trained))


def digest_of(batch: Sequence[int]) -> str:
    """Return a digest of the indices of a global batch."""
    return hashlib.sha256(json.dumps(list(batch)).encode()).hexdigest()[:16]


def undisturbed() -> list[list[object]]:
    """Return what is to be trained: from one cursor, without loaders."""
    return [
        [step.number, digest_of([_index_of_item(item) for item in step.items])]
        for cursor in Life(1, None, "", 0, 0, Path()).cursors()
        for step in cursor
    ]


def sampler(cursor: Cursor) -> Any:
    """Return batches of indices; that of a sample is its place among all samples."""
    firsts = [sum(list(SAMPLES.values())[:i]) for i in range(len(PAIRS))]
    index = {pair: range(first, first + SAMPLES[pair]) for pair, first in zip(PAIRS, firsts, strict=True)}
    return cursor.as_batch_sampler(index, pretraining=10_000)


def train_with_follow(life: Life) -> None:
    """Read a plain loader by `Cursor.follow`."""
    cursors = _resumed(life)
    loops = [each.follow(_loader(each, life)) for each in cursors]
    for steps in zip(*loops, strict=True):
        life.train(steps[0][0].number, [batch for _, batch in steps])
        life.save(cursors[-1].state_dict())


def train_with_done(life: Life) -> None:
    """Read a plain loader, and confirm each step."""
    cursors = _resumed(life)
    for number, parts in enumerate(zip(*(_loader(each, life) for each in cursors), strict=True), cursors[0].number):
        life.train(number, parts)
        for each in cursors:
            each.done(number)
        life.save(cursors[-1].state_dict())


def train_with_items(life: Life) -> None:
    """Read a plain loader of an `IterableDataset`."""
    cursors = _resumed(life)
    datasets = [each.as_iterable_dataset(load=_index_of_item) for each in cursors]
    loaders = [DataLoader(each, batch_size=each.batch_size, **life.loading()) for each in datasets]
    loops = [cursor.follow(loader) for cursor, loader in zip(cursors, loaders, strict=True)]
    for steps in zip(*loops, strict=True):
        life.train(steps[0][0].number, [batch for _, batch in steps])
        life.save(cursors[-1].state_dict())


def train_with_stateful_loader(life: Life) -> None:
    """Read a loader of torchdata, which saves the state itself."""
    from torchdata.stateful_dataloader import StatefulDataLoader

    cursors, state = life.cursors(), life.saved()
    loaders = [StatefulDataLoader(_Numbers(), batch_sampler=sampler(each), **life.loading()) for each in cursors]
    if state is not None:
        for each in loaders:
            each.load_state_dict(state)
    batches = [iter(each) for each in loaders]
    first = cursors[0].number
    for number, parts in enumerate(zip(*batches, strict=True), first):
        life.train(number, parts)
        life.save(loaders[-1].state_dict())


def train_with_lightning(life: Life) -> None:
    """Let Lightning's trainer read plain loaders, and save the cursor with its checkpoints."""
    from lightning import Trainer
    from lightning.pytorch.callbacks import ModelCheckpoint

    saving = ModelCheckpoint(life.folder, save_last=True, every_n_train_steps=SAVED_EVERY, enable_version_counter=False)
    trainer = Trainer(
        accelerator="cpu",
        devices=1 if life.rank is None else life.ranks,
        strategy="auto" if life.rank is None else "ddp",
        use_distributed_sampler=False,
        max_epochs=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=life.folder,
        callbacks=[_cursor_callback(life), saving],
    )
    last = life.folder / "last.ckpt"
    trainer.fit(_module(life), ckpt_path=last if last.exists() else None, weights_only=False)


def _module(life: Life) -> Any:
    import torch
    from lightning import LightningModule

    class Module(LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(1))
            self.cursors: list[Cursor] = []

        def train_dataloader(self) -> dict[str, Any]:
            return {str(i): _loader(each, life) for i, each in enumerate(self.cursors)}

        def training_step(self, batch: dict[str, Any], batch_idx: int) -> Any:
            life.train(batch_idx, [batch[str(i)] for i in range(len(self.cursors))])
            return self.weight.sum()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def on_train_batch_start(self, *_: object) -> None:
            life.at("saved")

        def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            life.at("half saved")
            checkpoint["trained"] = life.trained

        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            life.trained = checkpoint["trained"]

    return Module()


def _cursor_callback(life: Life) -> Any:
    from lightning.pytorch.callbacks import Callback

    class SavesCursor(Callback):  # type: ignore[misc]
        cursors: list[Cursor]

        def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
            # Before a checkpoint is loaded, and after `torch.distributed` has begun.
            self.cursors = pl_module.cursors = life.cursors()

        def on_train_batch_end(self, *arguments: Any) -> None:
            for each in self.cursors:
                each.done(arguments[-1])

        def state_dict(self) -> dict[str, Any]:
            return self.cursors[-1].state_dict()

        def load_state_dict(self, state_dict: dict[str, Any]) -> None:
            for each in self.cursors:
                each.load_state_dict(state_dict)

    return SavesCursor()


TRAIN: dict[str, Callable[[Life], None]] = {
    "follow": train_with_follow,
    "done": train_with_done,
    "items": train_with_items,
    "stateful": train_with_stateful_loader,
    "lightning": train_with_lightning,
}


class _Numbers(Dataset[int]):
    """A map-style dataset whose sample is its index."""

    def __len__(self) -> int:
        return 20_000

    def __getitem__(self, index: int) -> int:
        return index


def _index_of_item(item: Any) -> int:
    place = 10_000 if item.dataset is None else sum(SAMPLES[each] for each in PAIRS[: PAIRS.index(item[1:3])])
    return int(place + item.index)


def _loader(cursor: Cursor, life: Life) -> Any:
    return DataLoader(_Numbers(), batch_sampler=sampler(cursor), **life.loading())


def _resumed(life: Life) -> list[Cursor]:
    cursors, state = life.cursors(), life.saved()
    if state is not None:
        for each in cursors:
            each.load_state_dict(state)
    return cursors


def run(way: str, kills: int, chance: random.Random) -> dict[str, Any]:
    """Let lives train of which as many are killed, and the last one is not.

    Parameters
    ----------
    way
        A key of `TRAIN`, the number of workers, and ``ranks`` if each rank is to be a process.
    kills
    chance
    """
    name, number, *processes = way.split()
    train, workers = TRAIN[name], int(number)
    if processes:
        # Before lives are forked, each of which would need seconds for it.
        import_module("torch.distributed")
    if train is train_with_lightning:
        import_module("lightning.pytorch.callbacks")
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "all"
        killed = 0
        for steps, place in _deaths(kills, chance):
            ranks = chance.randint(1, 3 if processes else 2 if workers else 5)
            killer = 0 if "saved" in place else chance.randrange(ranks)
            life = Life(ranks, steps, place, killer, workers, Path(folder))
            killed += _live(life, _on_each_rank(train) if processes else _whole(train))
            if everything.exists():
                break
        return {"kills": killed, "trained": json.loads(everything.read_text())}


def _deaths(kills: int, chance: random.Random) -> Iterator[tuple[int | None, str]]:
    """Yield after how many steps, and where, each life ends: a few steps, so that all kills come before the end."""
    for _ in range(kills):
        yield chance.randint(0, 4), chance.choice(PLACES)
    yield None, ""


def _live(life: Life, work: Callable[[Life], None]) -> bool:
    """Run a life, and return whether it was killed."""
    alive, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(alive)
        os.setpgid(0, 0)
        _until_end(life, work)
    os.close(held)
    # Ends when the last process of the life is dead: until then, one could still save.
    os.read(alive, 1)
    os.close(alive)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code not in (0, -signal.SIGKILL):
        raise RuntimeError(f"a life with {life.ranks} ranks failed")
    return code != 0


def _until_end(life: Life, work: Callable[[Life], None]) -> NoReturn:
    failed = True
    try:
        work(life)
        failed = False
    except Exception:
        traceback.print_exc()
    finally:
        os._exit(failed)


def _whole(train: Callable[[Life], None]) -> Callable[[Life], None]:
    """Return a function that trains, and saves that all steps were trained."""

    def train_whole(life: Life) -> None:
        train(life)
        life.end()

    return train_whole


def _on_each_rank(train: Callable[[Life], None]) -> Callable[[Life], None]:
    """Return a function that trains with a process for each rank."""

    def train_all(life: Life) -> None:
        port = _free_port()
        children = []
        for rank in range(life.ranks):
            children.append(os.fork())
            if children[-1] == 0:
                life.rank = rank
                os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "LOCAL_RANK": str(rank)}
                _until_end(life, _whole(train if train is train_with_lightning else _in_group(train)))
        # The first one that fails ends all: the others would wait for it.
        if any(os.wait()[1] for _ in children):
            os.killpg(0, signal.SIGABRT)

    return train_all


def _in_group(train: Callable[[Life], None]) -> Callable[[Life], None]:
    """Return a function that trains in a process group, which Lightning begins itself."""

    def train_rank(life: Life) -> None:
        import torch.distributed as dist

        assert life.rank is not None
        dist.init_process_group("gloo", rank=life.rank, world_size=life.ranks)
        train(life)
        dist.destroy_process_group()

    return train_rank


def _of_all_ranks(parts: Sequence[Sequence[int]], ranks: int) -> list[list[int]]:
    import torch.distributed as dist

    found: list[Any] = [None] * ranks
    dist.all_gather_object(found, [int(each) for each in parts[0]])
    return found


def _free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def main() -> None:
    """Run as asked on the input."""
    asked = json.load(sys.stdin)
    chance = random.Random(asked["seed"])
    found = {way: run(way, kills, chance) for way, kills in asked["kills"].items()}
    print(json.dumps({"undisturbed": undisturbed(), "ways": found}))


if __name__ == "__main__":
    main()
