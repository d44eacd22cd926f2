"""The formats in which clients can fetch evidence: the file itself, or Parquet; and how a request chooses."""

from collections.abc import Mapping

NPZ, JSON, PARQUET = "npz", "json", "parquet"

PARQUET_TYPE = "application/vnd.apache.parquet"


def prefers_parquet(accept: str, file_type: str) -> bool:
    """Tell whether a header Accept asks for Parquet rather than for the file itself (RFC 9110, 12.5.1).

    A range such as ``*/*`` stands for the file: Parquet must be named, and be preferred to the type of the file.

    Parameters
    ----------
    accept
        The header; empty if there is none.
    file_type
        The media type of the file.
    """
    qualities = _qualities(accept)
    return qualities.get(PARQUET_TYPE, 0.0) > qualities.get(file_type, 0.0)


def _qualities(accept: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for each in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in each.split(";"))
        given = [value for name, _, value in (part.partition("=") for part in parameters) if name.strip() == "q"]
        try:
            found[media_type] = float(given[0]) if given else 1.0
        except ValueError:
            found[media_type] = 0.0
    return found
