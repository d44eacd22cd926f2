"""The base of all exporters: a name, a media type, a version, and a function from a stream version to bytes."""

from abc import ABC, abstractmethod
from typing import ClassVar

from concept_orderings.published import PublishedVersion
from concept_orderings.shapes import JsonSchema


class Exporter(ABC):
    """Write a published version in a format that another library reads.

    A new exporter is one file with a subclass, and one line in the registry in ``exporters/__init__.py``.

    Attributes
    ----------
    name : str
        The name in URLs and on the command line: lower-case letters, digits and hyphens.
    version : int
        Raised when any output changes. The service keeps the first rendering of each stream version for each version of
        an exporter, so a raised version adds a rendering and does not change older ones.
    final : bool
        Whether `version` will never be raised, because other data depend on the bytes.
    media_type : str
        The media type of the bytes, such as ``application/json``.
    suffix : str
        The suffix of file names, without the dot.
    other_form : tuple of (str, str) or None
        Media type and suffix of renderings that are ZIP archives, for a format that is one only for some versions.
    summary : str
        One sentence for the documentation.
    shows_tasks : bool
        Whether the output says where each task begins. The command line refuses a split for a format that does not.
    names_stream : bool
        Whether the output has the stream's name.
    has_labels : bool
        Whether the output has the labels of classes (`PublishedVersion.labelled`), so that clients choose them.
    has_evidence : bool
        Whether the output has the files of evidence (`PublishedVersion.evidence`), which may be large.
    has_publication : bool
        Whether the output has the day on which the version was published and the address of the service
        (`PublishedVersion.published_on`, `PublishedVersion.public_url`), which stand in no file of a version.
    json_schema : dict
        The JSON Schema of the bytes, for the API's document; empty for a format that is not JSON.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    final: ClassVar[bool] = False
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    other_form: ClassVar[tuple[str, str] | None] = None
    summary: ClassVar[str]
    shows_tasks: ClassVar[bool] = True
    names_stream: ClassVar[bool] = True
    has_labels: ClassVar[bool] = False
    has_evidence: ClassVar[bool] = False
    has_publication: ClassVar[bool] = False
    json_schema: ClassVar[JsonSchema] = {}

    def file_name(self, stream: str, number: int, media_type: str = "") -> str:
        """Return the file name for a rendering of a stream's version `number`, of this media type."""
        suffix = self.other_form[1] if self.other_form and media_type == self.other_form[0] else self.suffix
        return f"{stream}-v{number}-{self.name}.{suffix}"

    def media_type_of(self, data: bytes) -> str:
        """Return the media type of a rendering."""
        return self.other_form[0] if self.other_form and data.startswith(b"PK") else self.media_type

    @abstractmethod
    def render(self, version: PublishedVersion) -> bytes:
        """Return the version in this format; the same version and labels always give the same bytes, on every machine.

        Raises
        ------
        InvalidInput
            ``cannot_express`` if the format cannot express the version; a code of `BadLabels` if its labels are not
            known. Clients get it with status 422.
        """
