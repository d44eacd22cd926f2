"""Say which version a run was trained on: to MLflow, to other trackers, and in papers."""

import json
from typing import TYPE_CHECKING, Any

from concept_orderings.client.documents import Manifest
from concept_orderings.errors import MissingLibrary

if TYPE_CHECKING:
    from concept_orderings.client.stream import Version

MLFLOW_DIGITS = 36
"""The most digits of a digest that MLflow's database keeps."""


def as_dict(version: "Version") -> dict[str, Any]:
    """Return what identifies a version, as one flat object."""
    manifest = version.manifest
    return {
        "stream": version.name,
        "version": version.version,
        "digest": version.digest,
        "order_digest": manifest.order_digest,
        "url": address_of(version),
        "ordering": manifest.ordering.kind,
        "concepts": manifest.concepts,
        "tasks": len(manifest.tasks),
        "software": manifest.software,
    }


def address_of(version: "Version") -> str:
    """Return the URL of the manifest at the service."""
    return f"{version.url}/v1/streams/{version.name}/versions/{version.version}"


def citation(manifest: Manifest, digest: str) -> str:
    """Return one sentence for a paper, with all digits of the digest."""
    concepts, tasks = manifest.concepts, len(manifest.tasks)
    return (
        f"Task stream {manifest.name}, version {manifest.version}: {concepts:,} concept{'s'[: concepts != 1]} in "
        f"{tasks:,} task{'s'[: tasks != 1]}, ordered by {manifest.ordering.kind}, made by {manifest.software}, "
        f"digest {digest}."
    )


def as_mlflow_dataset(version: "Version") -> Any:
    """Return a dataset of MLflow; see `concept_orderings.client.stream.Version.as_mlflow_dataset`."""
    try:
        from mlflow.data.http_dataset_source import HTTPDatasetSource  # noqa: PLC0415
        from mlflow.data.meta_dataset import MetaDataset  # noqa: PLC0415
    except ImportError as error:
        raise MissingLibrary(
            "missing_library", "A dataset of MLflow needs MLflow: pip install mlflow-skinny installs it."
        ) from error

    class StreamDataset(MetaDataset):  # type: ignore[misc]
        """A version, whose profile has all digits of its digest."""

        def to_dict(self) -> dict[str, str]:
            return {**super().to_dict(), "profile": json.dumps(as_dict(version))}

    return StreamDataset(
        HTTPDatasetSource(address_of(version)),
        name=f"{version.name}, version {version.version}",
        digest=version.digest[:MLFLOW_DIGITS],
    )
