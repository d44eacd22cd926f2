"""Run the launcher with stand-ins for the worker and the API: ``serve.py DATA_DIR PORT PROCESSES``.

With IMPATIENT in the environment, a child is hung after a second, and started again sooner.
"""

import os
import sys
from pathlib import Path

from launcher import serve
from launcher.patience import PATIENCE, Patience

HERE = Path(__file__).parent
SHORT = Patience(ask_every=0.1, answer=0.3, silence=1.0, back_off=0.02, store=0.5)

if __name__ == "__main__":
    sys.exit(
        serve(
            host="127.0.0.1",
            port=int(sys.argv[2]),
            data_dir=Path(sys.argv[1]),
            processes=int(sys.argv[3]),
            patience=SHORT if os.environ.get("IMPATIENT") else PATIENCE,
            worker_command=(sys.executable, str(HERE / "stand_in_worker.py")),
            api_command=(sys.executable, str(HERE / "stand_in_api.py")),
        )
    )
