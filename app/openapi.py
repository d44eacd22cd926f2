"""``python -m app.openapi``: write `openapi/openapi.json`."""

import json
import sys
from pathlib import Path

from app.main import create_app
from app.settings import AppSettings

PATH = Path(__file__).parents[1] / "openapi" / "openapi.json"


def document() -> str:
    """Return the OpenAPI document of the service, with the same bytes on every machine and for all settings."""
    return json.dumps(create_app(AppSettings.model_construct()).openapi(), indent=2, sort_keys=True) + "\n"


def main() -> int:
    """Write the document."""
    PATH.write_text(document(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
