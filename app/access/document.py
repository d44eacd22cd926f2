"""What access adds to the OpenAPI document: how a key is sent, and the answers of the layers in front of the routes."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.access.scopes import is_open
from app.routes.problems import problems

_SCHEME = "key"

_ALWAYS = {403: ("other_site",), 421: ("unknown_host",)}
_OF_KEYS = {401: ("key_needed", "unknown_key", "revoked_key"), 403: ("scope_too_small",), 503: ("keys_unavailable",)}


def describe_access(document: dict[str, Any]) -> None:
    """Add the security scheme, and to each operation the answers of the layers in front of it."""
    document["components"]["securitySchemes"] = {
        _SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "The token of a key, which `concept-orderings keys create` prints. A service without a file "
            "of keys needs none.",
        }
    }
    # Said at the top, so that it holds for operations that are added too. A service without keys takes no key.
    document["security"] = [{_SCHEME: []}, {}]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _add(operation["responses"], _ALWAYS)
            if is_open({"path": path}):
                operation["security"] = []
            else:
                _add(operation["responses"], _OF_KEYS)


def _add(responses: dict[str, Any], refusals: Mapping[int, Sequence[str]]) -> None:
    for status, entry in problems(refusals).items():
        known = responses.setdefault(str(status), entry)
        for media_type, content in entry["content"].items():
            for name, example in content["examples"].items():
                known["content"][media_type]["examples"].setdefault(name, example)
