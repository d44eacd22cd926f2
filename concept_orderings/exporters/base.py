"""What every exporter is: a name, a media type, a file name, a version, and a function from a version to bytes."""

from abc import ABC, abstractmethod
from typing import ClassVar

from concept_orderings.published import PublishedVersion


class Exporter(ABC):
    """Write a published version as another library reads it.

    A new exporter is one file with a subclass, and one line in the registry in ``exporters/__init__.py``.

    Attributes
    ----------
    name : str
        Its name in URLs and on the command line: lower-case letters, digits and hyphens.
    version : int
        Raise it when any output changes. The first rendering of a stream version by a version of an exporter is kept,
        so raising it adds a rendering and leaves the older ones as they are.
    final : bool
        Whether `version` will never be raised, because something else relies on the bytes.
    media_type : str
        What the bytes are, such as ``application/json``.
    suffix : str
        Of a file that holds them, without the dot.
    summary : str
        One sentence for the documentation.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    final: ClassVar[bool] = False
    media_type: ClassVar[str]
    suffix: ClassVar[str]
    summary: ClassVar[str]

    def file_name(self, stream: str, number: int) -> str:
        """Return the name of a file that holds a rendering of a version of a stream."""
        return f"{stream}-v{number}-{self.name}.{self.suffix}"

    @abstractmethod
    def render(self, version: PublishedVersion) -> bytes:
        """Return the version in this format: the same bytes for the same version on any machine, at any time.

        Raises
        ------
        InvalidInput
            If the format cannot say what the version says; clients get its code with status 422.
        """
