"""A refusal that is not as its row says shows both sides, as an assertion in a test does."""

import pytest

pytest.register_assert_rewrite("unit.concept_orderings.request.refusals")
