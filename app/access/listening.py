"""A word of warning for a service that everybody on a network may use."""

import ipaddress
import sys
from pathlib import Path

_WARNING = """\
WARNING: anybody who reaches {host} may order, upload and cancel, because this service has no keys.
Make a key with `concept-orderings keys create`, and set CONCEPT_ORDERINGS_KEYS to its file: docs/security.md."""


def is_loopback(host: str) -> bool:
    """Return whether only programs of this machine reach a host; names other than localhost are taken for others."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def warn_if_open(host: str, keys: Path | None) -> None:
    """Write a warning to standard error if others reach the service and it has no keys."""
    if keys is None and not is_loopback(host):
        print(_WARNING.format(host=host or "this machine"), file=sys.stderr, flush=True)
