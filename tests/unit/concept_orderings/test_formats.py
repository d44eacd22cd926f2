"""The FoMo-in-Flux format."""

import json

from hypothesis import given
from hypothesis import strategies as st

from concept_orderings.formats import fomo_export

from .strategies import PLAIN_CHARACTERS


@given(st.lists(st.text(PLAIN_CHARACTERS)))
def test_an_export_reads_back_whatever_encoding_is_assumed(concepts: list[str]) -> None:
    data = fomo_export(concepts)

    for encoding in ("ascii", "utf-8", "latin-1", "cp1252"):
        assert json.loads(data.decode(encoding)) == concepts


def test_an_export_has_one_concept_a_line() -> None:
    assert fomo_export(["A+++a", 'B+++"b"']) == b'[\n    "A+++a",\n    "B+++\\"b\\""\n]\n'
