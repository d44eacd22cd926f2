"""An option that several commands share."""

import argparse
import os
from pathlib import Path


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """Declare ``--data-dir``, whose default is that of the setting."""
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("CONCEPT_ORDERINGS_DATA_DIR", "data")),
        help="where streams, indexes and the queue are kept (default: %(default)s)",
    )
