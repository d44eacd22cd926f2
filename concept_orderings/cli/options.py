"""The option that several commands share."""

import argparse
import os
from pathlib import Path


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Declare ``--data-dir``; its default is the setting CONCEPT_ORDERINGS_DATA_DIR."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("CONCEPT_ORDERINGS_DATA_DIR", "data")),
        help="the directory with streams, indexes and the queue (default: %(default)s)",
    )
