"""The warning about templates with text that looks like a placeholder, and stands in captions as it is."""

from collections.abc import Iterable

from concept_orderings.evidence import Need
from concept_orderings.evidence.captions import TEMPLATE
from concept_orderings.evidence.template_shape import PLACEHOLDER, literal_placeholder
from concept_orderings.request import StreamRequest
from concept_orderings.stream_warnings import StreamWarning, WarningCode
from concept_orderings.text import first_of, in_sentence, shown

_MOST_NAMED = 10


def literal_placeholders(request: StreamRequest) -> Iterable[StreamWarning]:
    """Warn of such templates where captions are embedded. Its text is published."""
    if Need.EMBEDDINGS not in request.needs:
        return
    found = [
        f"{shown(literal, 20)} in {shown(template)} of {in_sentence(each.name)}"
        for each in request.concepts.datasets
        for template in TEMPLATE.of(each) or ()
        if (literal := literal_placeholder(template)) is not None
    ]
    if found:
        several = len(found) > 1
        sentence = (
            f"{len(found)} template{'s have' if several else ' has'} text that looks like a placeholder and stands in "
            f"the captions as it is ({first_of(found, _MOST_NAMED)}): only {PLACEHOLDER} is replaced by the class name."
        )
        yield StreamWarning.of(WarningCode.LITERAL_PLACEHOLDERS, sentence, count=len(found))
