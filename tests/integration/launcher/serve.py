"""Run the launcher with stand-ins for the worker and the API: ``serve.py DATA_DIR PORT``."""

import sys
from pathlib import Path

from launcher import serve

HERE = Path(__file__).parent

if __name__ == "__main__":
    sys.exit(
        serve(
            host="127.0.0.1",
            port=int(sys.argv[2]),
            data_dir=Path(sys.argv[1]),
            worker_command=(sys.executable, str(HERE / "stand_in_worker.py")),
            api_command=(sys.executable, str(HERE / "stand_in_api.py")),
        )
    )
