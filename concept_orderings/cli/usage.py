"""The error for options that contradict each other or have no effect."""

from collections.abc import Iterable


class UsageError(Exception):
    """The command line cannot be carried out as it is written; nothing was started.

    Parameters
    ----------
    faults : iterable of str
        One sentence for each fault; it names the options, and says what to do.
    """

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(" ".join(self.faults))


def refuse(faults: Iterable[str]) -> None:
    """Raise `UsageError` if there is any fault."""
    if found := tuple(faults):
        raise UsageError(found)
