"""What several commands share: the option for the data directory, and options that are given once."""

import argparse
import os
from pathlib import Path


class Once(argparse.Action):
    """Store the value of an option; refuse it the second time, because the first value would have no effect."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        """See `argparse.Action`."""
        given: set[str] = namespace.__dict__.setdefault("given", set())
        if self.dest in given:
            raise argparse.ArgumentError(self, "it is given twice; leave one out")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def default_data_dir() -> Path:
    """Return the data directory of the setting CONCEPT_ORDERINGS_DATA_DIR, ``data`` without it."""
    return Path(os.environ.get("CONCEPT_ORDERINGS_DATA_DIR", "data"))


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Declare ``--data-dir``."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=default_data_dir(),
        help="the directory with streams, indexes and the queue (default: %(default)s)",
    )
