"""Rewrite the assertions of `refusals`, so that a failure shows both sides."""

import pytest

pytest.register_assert_rewrite("unit.concept_orderings.request.refusals")
