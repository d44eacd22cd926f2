from store.memory import memory
from worker.machine import this_machine
from worker.settings import WorkerSettings


def test_memory_and_threads_of_the_settings_are_used() -> None:
    assert this_machine(WorkerSettings(memory_mb=123, threads=3)).memory == 123_000_000
    assert this_machine(WorkerSettings(threads=3)).threads == 3
    assert 0 < (this_machine(WorkerSettings()).memory or 0) <= memory().limit
