"""Headers of what never changes (RFC 9110, 9111, 8246, 9530)."""

import base64


def immutable_headers(digest: str) -> dict[str, str]:
    """Return the headers of a document by the SHA-256 of its bytes, in hexadecimal."""
    encoded = base64.b64encode(bytes.fromhex(digest)).decode("ascii")
    return {
        "ETag": _entity_tag(digest),
        "Cache-Control": "public, max-age=31536000, immutable",
        "Repr-Digest": f"sha-256=:{encoded}:",
    }


def client_has(digest: str, if_none_match: str) -> bool:
    """Tell whether If-None-Match names the document; the comparison is the weak one (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or _entity_tag(digest) in tags


def _entity_tag(digest: str) -> str:
    return f'"sha256-{digest}"'
