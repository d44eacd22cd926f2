"""Shared by the routes that take uploaded files: their parameters, their media types, and their OpenAPI entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import Request

from app.errors import ApiError
from app.routes.request_bodies import is_gzip
from app.uploaded_tables import ANY_FORMAT, CSV, PARQUET
from concept_orderings.errors import BadParameter, BadValue
from concept_orderings.faults import Faults
from concept_orderings.text import BLANK, is_plain_text, schema_pattern, shown, shows_something
from store.uploaded_files import UploadedFile

MOST_DESCRIPTION = 500
"""The longest description of where numbers come from, in characters."""


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A kind of uploaded file, as its route sees it.

    Attributes
    ----------
    title : str
        What it is called, such as "counts file".
    parameters : tuple of str
        The names of its parameters in the query.
    media_types : mapping of str to str
        By media type, what a file of it must contain.
    description : str
        What the body has, for OpenAPI.
    csv_example, json_example : str
        For OpenAPI.
    """

    title: str
    parameters: tuple[str, ...]
    media_types: Mapping[str, str]
    description: str
    csv_example: str
    json_example: str

    @property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI entry of the body."""
        content = {each: self._content(each, description) for each, description in self.media_types.items()}
        # The only type for bytes that some generators of clients know.
        content[ANY_FORMAT] = self._content(
            ANY_FORMAT, "A file in any of the other formats, which its first bytes tell."
        )
        return {"requestBody": {"required": True, "description": self.description, "content": content}}

    def _content(self, media_type: str, description: str) -> dict[str, Any]:
        if media_type in (PARQUET, ANY_FORMAT):
            return {"schema": {"type": "string", "format": "binary", "description": description}}
        example = self.csv_example if media_type == CSV else self.json_example
        return {"schema": {"type": "string", "description": description}, "example": example}

    def check_parameters(self, request: Request) -> None:
        """Refuse parameters that are unknown or given twice: a stored file cannot be corrected."""
        given = [each for each, _ in request.query_params.multi_items()]
        faults = Faults()
        for each in sorted(set(given).difference(self.parameters)):
            detail = f"The parameter {shown(each)} is unknown; the parameters are {', '.join(self.parameters)}."
            faults.add(BadParameter("unknown_parameter", detail))
        for each in self.parameters:
            if given.count(each) > 1:
                faults.add(BadValue("duplicate_field", f"The parameter {each} is given twice; leave one out."))
        faults.refuse()

    def media_type_of(self, request: Request) -> str:
        """Return the media type of the body, one of `media_types` or `ANY_FORMAT` (RFC 9110, 8.3)."""
        media_type, *parameters = (part.strip() for part in request.headers.get("content-type", "").lower().split(";"))
        charsets = {each.partition("=")[2].strip('" ') for each in parameters if each.startswith("charset=")}
        is_gzip(request)  # refuses another coding before the body is read
        if media_type not in (*self.media_types, ANY_FORMAT) or charsets - {"utf-8", "utf8", "us-ascii"}:
            raise ApiError(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                f"Send a {self.title}, text in UTF-8, with one of these as Content-Type: "
                f"{', '.join(self.media_types)}. A file that is packed with gzip has the same Content-Type, and "
                "Content-Encoding: gzip.",
            )
        return media_type


_WHITE = r"\t-\r\x1c-\x1f\x85"
"""The control characters that `str.split` takes for white space, as members of a class of a regular expression."""


def description_schema(example: str) -> dict[str, Any]:
    """Return the OpenAPI schema of a parameter that describes something: see `description_of`."""
    return {
        "pattern": schema_pattern(f"[^{BLANK}{_WHITE}]"),
        "not": {"pattern": r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f]"},
        "example": example,
    }


def description_of(text: str, parameter: str, advice: str) -> str:
    """Return a description for readers with its white space folded; refuse one that says nothing.

    Parameters
    ----------
    text
        As it was given.
    parameter
        The parameter's name.
    advice
        What to describe: the beginning of the error's sentence.
    """
    folded = " ".join(text.split())
    if not shows_something(folded) or not is_plain_text(folded):
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "bad_query", f"{parameter}: {advice}, without control characters."
        )
    return folded


def name_is_taken(detail: str) -> ApiError:
    """Return the 409 for the name of another source."""
    return ApiError(HTTPStatus.CONFLICT, "source_exists", detail)


def name_was_deleted(deleted: UploadedFile[Any], meaning: str) -> ApiError:
    """Return the 409 for the name of a file that was deleted and had other content, of which `meaning` says what."""
    return name_is_taken(
        f"A file {deleted.name} was deleted, and only its content can have the name again: {deleted.names} names, "
        f"{meaning}, SHA-256 {deleted.digest}. Versions cite it by that name: choose another."
    )


def no_such_file(detail: str) -> ApiError:
    """Return the 404 for a name that no uploaded file has."""
    return ApiError(HTTPStatus.NOT_FOUND, "source_not_found", detail)
