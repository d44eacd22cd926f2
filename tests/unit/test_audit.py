"""Test how `make audit` reads what the sources of advisories say."""

from typing import Any

import audit
import pytest

SAFE = {"name": "a", "version": "1", "vulns": []}
SKIPPED = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited: b (2)"}
VULNERABLE = {"name": "c", "version": "3", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1"]}]}


@pytest.mark.parametrize(
    ("found", "status"), [([SAFE], 0), ([SAFE, SKIPPED], 3), ([SAFE, VULNERABLE], 1), ([VULNERABLE, SKIPPED], 1)]
)
def test_nothing_is_said_to_be_safe_that_was_not_asked_for(
    found: list[dict[str, Any]], status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.report(found, "pypi") == status
    said = capsys.readouterr().out
    assert ("NOT AUDITED" in said) == (SKIPPED in found)
    assert ("c 3: PYSEC-1, fixed in 3.1" in said) == (VULNERABLE in found)
