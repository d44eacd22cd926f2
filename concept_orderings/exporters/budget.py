"""The FoMo-in-Flux benchmark's budget of training: 28,400 steps with a batch of 512, over all tasks."""

BATCH_SIZE = 512
MIXTURE = {"pretraining": 0.33, "update": 0.34, "buffer": 0.33}
"""The shares of a batch."""

_STEPS = 28_400


def samples_of_a_task(tasks: int) -> int:
    """Return the samples of each of T tasks: 727,040 for 20, which is the benchmark's default."""
    return max(1, _STEPS // tasks) * BATCH_SIZE
