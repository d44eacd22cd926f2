"""How long a child that ended waits before it is started again. Pure: ages and delays in, no clock."""

EARLY_SECONDS = 30.0
"""A child that ends at a younger age counts as failing at its start."""

LONGEST_DELAY = 15.0

LONGEST_DELAY_AFTER_LIFE = 1.0
"""The same for a child that had given a sign of life: what killed it need not be there at its next start."""

CRASH_LOOP = 5
"""Early ends in a row after which a child counts as one that cannot run."""


class BackOff:
    """The delays of one child.

    Parameters
    ----------
    first
        Seconds before the first start after an end; each early end in a row doubles them.

    Attributes
    ----------
    early_ends : int
        How often in a row it ended soon after its start; a late end counts as the first of a new row.
    """

    def __init__(self, first: float) -> None:
        self._first = first
        self.early_ends = 0

    @property
    def is_crash_loop(self) -> bool:
        """Whether the child has ended so often in a row that it does not seem able to run."""
        return self.early_ends >= CRASH_LOOP

    def delay(self, age: float, *, has_lived: bool) -> float:
        """Note an end; return the seconds to wait before the next start.

        Parameters
        ----------
        age
            Seconds from its start to its end.
        has_lived
            Whether it had given a sign of life.
        """
        self.early_ends = self.early_ends + 1 if age < EARLY_SECONDS else 1
        # The exponent is bounded: a float overflows after some thousand ends.
        longest = LONGEST_DELAY_AFTER_LIFE if has_lived else LONGEST_DELAY
        return min(longest, self._first * 2.0 ** min(self.early_ends - 1, 16))
