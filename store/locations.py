"""Where stream versions are kept: tell a directory from the URL of a bucket."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def local_directory(location: str) -> Path | None:
    """Return the directory that a location of stream versions names; None for a bucket."""
    if "://" not in location:
        return Path(location)
    return Path(unquote(urlsplit(location).path)) if location.startswith("file://") else None
