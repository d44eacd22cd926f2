"""What the formats that say how to cite a version share."""

from collections.abc import Mapping
from typing import Any

from concept_orderings.parameters import WITHIN
from concept_orderings.published import PublishedVersion

MAKER = "concept-orderings"
"""Named as author: who chose the classes and the ordering is not known to a version."""


def title_of(version: PublishedVersion) -> str:
    """Return the title of a version: what it is, how large, and by which ordering."""
    tasks, concepts = len(version.sizes), sum(version.sizes)
    return (
        f"Task stream {version.stream}, version {version.number}: {concepts:,} concept{'s'[: concepts != 1]} in "
        f"{tasks:,} task{'s'[: tasks != 1]}, {_order_of(version.manifest['ordering'])}"
    )


def _order_of(ordering: Mapping[str, Any]) -> str:
    """Return the ordering of a manifest for a title: its kind, or whose order a published one is."""
    published = ordering["details"].get("published")
    if published is None:
        inside = ordering.get(WITHIN)
        return f"ordered by {ordering['kind']}" + (f", and inside groups by {inside['kind']}" if inside else "")
    reverse = "the reverse order" if ordering["reverse"] else "the order"
    return f"in {reverse} of {ordering['stream']} ({published['origin']})"


def software_of(version: PublishedVersion) -> str:
    """Return the release that made a version, such as concept-orderings 0.2.0."""
    software = version.manifest["software"]
    return f"{software['name']} {software['version']}"


def address_of(version: PublishedVersion) -> str:
    """Return the address of a version for others; empty if that of the service is not known."""
    if not version.public_url:
        return ""
    return f"{version.public_url}/v1/streams/{version.stream}/versions/{version.number}"
