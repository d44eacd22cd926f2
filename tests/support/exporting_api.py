"""The API with an exporter ``probe`` whose output, version and speed a test controls.

In the directory ``CONTROL``:

- ``NAME.says``: what is rendered, beside the version's digest; NAME is the environment's ``PROBE_NAME``;
- ``NAME.hold``: rendering waits until the file is gone;
- ``NAME.rendered``: one line for each rendering that has begun;
- ``refuse``: rendering raises `InvalidInput`.

``PROBE_VERSION`` in the environment is the exporter's version.
"""

import json
import os
import sys
import time
from pathlib import Path

import concept_orderings.exporters
from concept_orderings.errors import InvalidInput
from concept_orderings.exporters import EXPORTERS, Exporter
from concept_orderings.published import PublishedVersion

CONTROL = Path(os.environ["CONTROL"])
NAME = os.environ.get("PROBE_NAME", "probe")


class Probe(Exporter):
    """An exporter that reads everything of a version."""

    name = "probe"
    version = int(os.environ.get("PROBE_VERSION", "1"))
    media_type = os.environ.get("PROBE_MEDIA_TYPE", "application/x-probe")
    suffix = "json"
    summary = "What a test says."

    def render(self, version: PublishedVersion) -> bytes:
        with (CONTROL / f"{NAME}.rendered").open("a") as file:
            file.write(f"{os.getpid()}\n")
        while (CONTROL / f"{NAME}.hold").exists():
            time.sleep(0.01)
        if (CONTROL / "refuse").exists():
            raise InvalidInput("cannot_express", "A probe cannot say that; ask for fomo.")
        says = (CONTROL / f"{NAME}.says").read_text()
        evidence = [concept["evidence"] for task in version.tasks for concept in task["concepts"]]
        return json.dumps([says, version.digest, version.sizes, version.concepts, evidence]).encode()


# Before the import of the routes, which list the formats.
concept_orderings.exporters.EXPORTERS = {**EXPORTERS, Probe.name: Probe}

if __name__ == "__main__":
    from app.__main__ import main

    sys.exit(main())
