"""Headers that let clients cache documents (RFC 9110, 9111, 8246, 9530)."""

import base64


def immutable_headers(digest: str) -> dict[str, str]:
    """Return the headers of a document whose URL always has the same bytes.

    Parameters
    ----------
    digest
        SHA-256 of the bytes, in hexadecimal.
    """
    return _headers(digest, "public, max-age=31536000, immutable")


def revalidated_headers(digest: str) -> dict[str, str]:
    """Return the headers of a document whose URL may have other bytes later: caches must revalidate it before reuse."""
    return _headers(digest, "public, no-cache")


def is_same(digest: str, if_range: str) -> bool:
    """Return whether If-Range names the document, by strong comparison (RFC 9110, 13.1.5); a date never does."""
    return if_range.strip() in ("", _entity_tag(digest))


def client_has(digest: str, if_none_match: str) -> bool:
    """Return whether If-None-Match names the document, by weak comparison (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return "*" in tags or _entity_tag(digest) in tags


def _entity_tag(digest: str) -> str:
    return f'"sha256-{digest}"'


def _headers(digest: str, cache_control: str) -> dict[str, str]:
    encoded = base64.b64encode(bytes.fromhex(digest)).decode("ascii")
    return {
        "ETag": _entity_tag(digest),
        "Cache-Control": cache_control,
        "Repr-Digest": f"sha-256=:{encoded}:",
    }
