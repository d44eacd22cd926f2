"""What a client prefers, as its Accept headers say (RFC 9110, 12.4 and 12.5)."""

from collections.abc import Mapping


def weights(header: str) -> Mapping[str, float]:
    """Return the weight of each entry of a header such as Accept or Accept-Encoding, by its name in lower case.

    An entry without a weight has 1, one whose weight cannot be read 0.
    """
    found: dict[str, float] = {}
    for each in header.lower().split(","):
        name, *parameters = (part.strip() for part in each.split(";"))
        given = [value for key, _, value in (part.partition("=") for part in parameters) if key.strip() == "q"]
        found[name] = _weight(given[0]) if given else 1.0
    return found


def _weight(text: str) -> float:
    try:
        return min(1.0, max(0.0, float(text)))
    except ValueError:
        return 0.0
