"""Run Docket's worker on each plant of `support.plants`, in a queue of its own, and print what happened.

``python tests/support/plants_and_docket.py URL DIRECTORY plain|json``: without or with our codec. A plant that was
loaded has created a file in the directory.
"""

import asyncio
import json
import pickle
import sys
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from redis import Redis

from store.docket_codec import encode, install
from support.plants import LOADED, Plant, bomb, plants
from support.waiting import DEADLINE

if TYPE_CHECKING:
    from docket import Docket

TASK = "work"
_STUCK_SECONDS = 2.0
"""How long to wait for a worker without our codec at a plant that it does not load: some hang for ever."""


@dataclass
class Fate:
    """The effects of one plant.

    Attributes
    ----------
    loaded : bool
        Whether its file exists.
    error : str
        The error of the worker; empty if it had none.
    left : int
        Messages that are still in the stream, or waiting to be acknowledged.
    done : list of str
        The tasks that were done.
    """

    loaded: bool
    error: str
    left: int
    done: list[str]


async def run_worker(url: str, queue: str, plant: Plant, file: Path, *, seconds: float, is_plain: bool) -> Fate:
    """Plant, run a worker until the queue is empty, and with our codec once more with a valid task."""
    from docket import Docket, Worker

    done: list[str] = []

    async def work(job: str, run: int) -> None:
        done.append(f"{job}:{run}")

    error = ""
    with Redis.from_url(url) as redis:
        redis.xgroup_create(f"{queue}:stream", "docket-workers", id="0-0", mkstream=True)
        plant(redis, queue, TASK, "planted:1", bomb(file))
    async with Docket(name=queue, url=url) as docket:
        docket.tasks = {TASK: work}
        quick = timedelta(milliseconds=10)
        async with Worker(docket, minimum_check_interval=quick, scheduling_resolution=quick) as worker:
            for is_second in (False,) if is_plain else (False, True):
                if is_second:
                    await docket.add(TASK, key="good:1")("good", 1)
                try:
                    async with asyncio.timeout(seconds):
                        await worker.run_until_finished()
                except Exception as problem:
                    error = error or repr(problem)
        return Fate(_is_there(file), error, await left(docket), done)


def _is_there(file: Path) -> bool:
    return file.exists()


async def left(docket: "Docket") -> int:
    async with docket.redis() as redis:
        pending = await redis.xpending_range(docket.stream_key, docket.worker_group_name, "-", "+", 100)
        return int(await redis.xlen(docket.stream_key)) + len(pending)


async def main(url: str, directory: Path, *, is_plain: bool) -> dict[str, Fate]:
    found = list(plants(pickle.dumps if is_plain else encode))
    fates = await asyncio.gather(
        *(
            run_worker(
                url,
                f"queue-{number}",
                plant,
                directory / str(number),
                seconds=_STUCK_SECONDS if is_plain and name not in LOADED else DEADLINE,
                is_plain=is_plain,
            )
            for number, (name, plant) in enumerate(found)
        )
    )
    return dict(zip((name for name, _ in found), fates, strict=True))


if __name__ == "__main__":
    if sys.argv[3] == "json":
        install()
    fates = asyncio.run(main(sys.argv[1], Path(sys.argv[2]), is_plain=sys.argv[3] == "plain"))
    json.dump({name: asdict(fate) for name, fate in fates.items()}, sys.stdout)
