"""Run the launcher with the worker of ``controlled_worker.py``: ``controlled_service.py DATA_DIR PORT``."""

import sys
from pathlib import Path

from launcher import serve
from support.deployment import CONTROLLED_WORKER

if __name__ == "__main__":
    sys.exit(
        serve(
            host="127.0.0.1",
            port=int(sys.argv[2]),
            data_dir=Path(sys.argv[1]),
            worker_command=(sys.executable, str(CONTROLLED_WORKER)),
        )
    )
