"""Let assertions of `searches` show both sides when they fail, as assertions of tests do."""

import pytest

pytest.register_assert_rewrite("unit.path.searches")
