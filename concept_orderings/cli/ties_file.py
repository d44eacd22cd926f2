"""Read the order of ties that an option names."""

import argparse
import json
from pathlib import Path

from concept_orderings.published_streams import PUBLISHED_STREAMS


def ties_of(text: str) -> dict[str, object]:
    """Return the parameter `ties` for the option's value: the name of a published stream, or of a file.

    Parameters
    ----------
    text
        A published stream, or a file with a JSON array of concepts or with a line for each.

    Raises
    ------
    argparse.ArgumentTypeError
        If the file cannot be read.
    """
    if text in PUBLISHED_STREAMS:
        return {"stream": text}
    try:
        content = Path(text).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise argparse.ArgumentTypeError(
            f"{text} cannot be read: {reason}; give a file, or a published stream such as fomo/frequency_base"
        ) from error
    if not content.lstrip().startswith("["):
        return {"order": [line for line in content.splitlines() if line.strip()]}
    try:
        return {"order": json.loads(content)}
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not JSON: {error}") from error
