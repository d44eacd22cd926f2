"""Write what FoMo-in-Flux needs to train on a stream: `python examples/on_fomo.py URL NAME FOLDER`.

FOLDER is that of the benchmark's sequences and override files. The files are made from documents whose digests have
been checked, by the same exporters as the service's.
"""

import sys
from pathlib import Path

from concept_orderings.client import Client
from concept_orderings.exporters import EXPORTERS


def main(url: str, name: str, folder: Path) -> None:
    """Write the sequence and the override file; print what they are for."""
    version = Client(url).stream(name, version=1).published()
    for format_name in ("fomo", "fomo-config"):
        exporter = EXPORTERS[format_name]()
        data = exporter.render(version)
        path = folder / exporter.file_name(version.stream, version.number, exporter.media_type_of(data))
        path.write_bytes(data)
        print(f"{path.name}: {exporter.summary}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
