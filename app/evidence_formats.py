"""The formats in which clients can fetch evidence: the file itself, or Parquet; and how a request chooses."""

from app.preferences import weights

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
    given = weights(accept)
    return given.get(PARQUET_TYPE, 0.0) > given.get(file_type, 0.0)
