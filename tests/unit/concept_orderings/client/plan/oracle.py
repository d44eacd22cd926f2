"""The plan once more, slowly and in plain Python: without NumPy, blocks or tables, a draw at a time."""

import hashlib
import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate

WORD = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def words_of(text: str) -> list[int]:
    data = hashlib.shake_256(text.encode()).digest(8 * 14)
    return [int.from_bytes(data[i : i + 8], "little") for i in range(0, len(data), 8)]


def mixed(word: int) -> int:
    word ^= word >> 30
    word = word * FIRST & WORD
    word ^= word >> 27
    word = word * SECOND & WORD
    return word ^ word >> 31


def tweak(text: str, epoch: int, concept: int | None = None) -> int:
    words = words_of(text)
    if concept is None:
        return mixed((epoch * GOLDEN + words[0]) & WORD)
    own = mixed((concept * GOLDEN + words[-1]) & WORD)
    return mixed((own + epoch * GOLDEN + words[0]) & WORD)


def permuted(number: int, n: int, text: str, tweaked: int) -> int:
    words = words_of(text)

    def below(most: int, read: int, word: int, i: int) -> int:
        value = (read + tweaked * (2 * i + 1) + word) & WORD
        value = (value ^ value >> 32) * FIRST & WORD
        value = (value ^ value >> 29) * SECOND & WORD
        return (value >> 24) * most >> 40

    if n <= 16:
        for i in range(n - 1, 0, -1):
            other = below(i + 1, i, words[1], i)
            number = other if number == i else i if number == other else number
        return number
    columns = next(a for a in range(int(n**0.5) - 2, n) if a >= 1 and a * a >= n)
    rows = -(-n // columns)
    while True:
        row, column = divmod(number, columns)
        for i in range(12 if n <= 4096 else 8):
            if i % 2 == 0:
                column = (column + below(columns, row, words[1 + i], i)) % columns
            else:
                row = (row + below(rows, column, words[1 + i], i)) % rows
        number = row * columns + column
        if number < n:
            return number


class OraclePlan:
    """The global batches, as (pool, concept, sample) with concepts by position in the stream."""

    def __init__(
        self,
        digest: str,
        seed: int,
        sizes: Sequence[Sequence[int]],
        shares: Sequence[tuple[int, int, int]],
        steps: int,
        pretraining: int,
        *,
        over: str = "images",
        blurry: Fraction = Fraction(0),
        repetition: Fraction = Fraction(0),
    ) -> None:
        self.digest, self.seed, self.sizes, self.shares, self.steps = digest, seed, sizes, shares, steps
        self.pretraining, self.over, self.blurry, self.repetition = pretraining, over, blurry, repetition
        self.starts = [0, *accumulate(map(len, sizes))]
        self.flat = [each for task in sizes for each in task]

    def batch(self, task: int, step: int) -> list[tuple[int, int, int]]:
        before, update, buffer = self.shares[task]
        earlier_draws = sum(self.steps * share[0] for share in self.shares[:task])
        items = [(0, -1, self._pretraining(earlier_draws + step * before + j)) for j in range(before)]
        counts_before = dict.fromkeys(("update", "repetition", "before", "after"), 0)
        for g in range((step + 1) * update):
            source = self._update_source(task, g, counts_before)
            if g >= step * update:
                items.append((1, *self._draw(source, task, counts_before[source])))
            counts_before[source] += 1
        order = ("update", "repetition", "before", "after")
        own = items[before:]
        names = [self._update_source_names[g] for g in range(step * update, (step + 1) * update)]
        items[before:] = [item for name in order for item, of in zip(own, names, strict=True) if of == name]
        return items + [(2, *self._draw("buffer", task, step * buffer + j)) for j in range(buffer)]

    def _update_source(self, task: int, g: int, counts: dict[str, int]) -> str:
        """Say where update sample g of a task comes from, from the counts of all before."""
        if g == 0:
            self._update_source_names: list[str] = []
        neighbours = [
            name for name, other in (("before", task - 1), ("after", task + 1)) if 0 <= other < len(self.sizes)
        ]
        drawn_of_neighbours = counts["before"] + counts["after"]
        if neighbours and drawn_of_neighbours < int(self.blurry * (g + 1)):
            name = neighbours[drawn_of_neighbours % len(neighbours)]
        else:
            others = g - drawn_of_neighbours
            earlier = self.repetition * self._size(0, self.starts[task])
            share = earlier / (earlier + self._size(self.starts[task], self.starts[task + 1]))
            name = "repetition" if counts["repetition"] < int(share * (others + 1)) else "update"
        self._update_source_names.append(name)
        return name

    def _range(self, source: str, task: int) -> tuple[int, int]:
        tasks = {
            "update": (task, task + 1),
            "repetition": (0, task),
            "before": (task - 1, task),
            "after": (task + 1, task + 2),
            "buffer": (0, task),
        }[source]
        return self.starts[tasks[0]], self.starts[tasks[1]]

    def _size(self, first: int, end: int) -> int:
        sizes = self.flat[first:end]
        return sum(sizes) if self.over == "images" else sum(1 for each in sizes if each)

    def _key(self, source: str, task: int | None) -> str:
        return json.dumps(["concept-orderings plan 1", self.digest, self.seed, source, task])

    def _pretraining(self, draw: int) -> int:
        text = self._key("pretraining", None)
        epoch, at = divmod(draw, self.pretraining)
        return permuted(at, self.pretraining, text, tweak(text, epoch))

    def _draw(self, source: str, task: int, draw: int) -> tuple[int, int]:
        first, end = self._range(source, task)
        text = self._key(source, task)
        epoch, at = divmod(draw, self._size(first, end))
        number = permuted(at, self._size(first, end), text, tweak(text, epoch))
        if self.over == "images":
            concept = first
            while number >= self.flat[concept]:
                number -= self.flat[concept]
                concept += 1
            return concept, number
        concept = [i for i in range(first, end) if self.flat[i]][number]
        n = self.flat[concept]
        own_epoch, own = divmod(epoch, n)
        return concept, permuted(own, n, text, tweak(text, own_epoch, concept))
