"""The shape of caption templates: the error for one without a place for the class name says what was probably meant."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from concept_orderings.errors import BadConcept, InvalidInput
from concept_orderings.shapes import Mismatch, Refusal, Text
from concept_orderings.text import FORBIDDEN, is_plain_text, shown

PLACEHOLDER = "{}"
"""The text of a template that is replaced by the class name."""

_DOUBLED = "{{}}"

_FOREIGN = re.compile(
    r"\$?\{\{\s*\w[\w.]*\s*\}\}"  # Jinja, Mustache
    r"|\$\{\w+\}|\$[a-z_]\w*"  # shells, JavaScript
    r"|\{\s*\w[\w.]*(?:\[\w+\])*(?:![rsa])?(?::[^{}]*)?\s*\}|\{(?:![rsa])?:[^{}]*\}"  # str.format, f-strings
    r"|\{![rsa]\}|\{\s+\}"
    r"|%\(\w+\)s|%s|%@"  # printf
    r"|<\w[\w -]*>|\[\w[\w -]*\]",  # prose
    re.IGNORECASE,
)
"""A placeholder as other programs and papers write it."""


@dataclass(frozen=True)
class _Foreign(Refusal):
    """The error for templates that have one placeholder of another language, and none that is read here."""

    placeholder: str

    def of(self, value: object, pointers: Iterable[str]) -> InvalidInput:
        """See `Refusal.of`."""
        meant = str(value).replace(self.placeholder, PLACEHOLDER)
        detail = self.sentence.format(shown(str(value)), shown(self.placeholder, 40), shown(meant))
        return self.error(self.code, detail, pointers)


@dataclass(frozen=True)
class Template(Text):
    """A template; those without a place for the class name have one error for each placeholder that they have instead.

    `Text.refusal` is for the others, such as those without any placeholder.
    """

    def mismatches(self, value: object, pointer: str) -> Iterator[Mismatch]:
        """See `Shape.mismatches`."""
        for each in super().mismatches(value, pointer):
            placeholder = foreign_placeholder(value) if isinstance(value, str) else None
            yield each if placeholder is None else replace(each, refusal=_refusal_of(placeholder))


def foreign_placeholder(template: str) -> str | None:
    """Return the placeholder of another language that stands for the class name in a template.

    None if the template has none, or different ones, of which any may be meant; or if it has control characters, so
    that it is refused with another placeholder, too.
    """
    found = set(_FOREIGN.findall(template)) if is_plain_text(template) else set()
    return found.pop() if len(found) == 1 else None


def literal_placeholder(template: str) -> str | None:
    """Return the first text of an accepted template that looks like a placeholder and is not replaced, if any.

    Two pairs of braces are one: Python's `str.format` makes a pair of braces of them, and here the class name stands
    in braces.
    """
    if _DOUBLED in template:
        return _DOUBLED
    found = _FOREIGN.search(template)
    return None if found is None else found[0]


def _refusal_of(placeholder: str) -> Refusal:
    sentence = "The template {} has {} for the class name: write {{}} where the class name goes, as in {}."
    return _Foreign(BadConcept, "bad_template", sentence, placeholder)


TEMPLATE_TEXT = Template(
    Refusal(
        BadConcept,
        "bad_template",
        f"The template {{value}} needs {PLACEHOLDER} where the class name goes, and no control characters.",
    ),
    (r"\{\}",),
    without=(FORBIDDEN,),
)
"""The shape of one template of a request."""
