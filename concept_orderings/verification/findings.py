"""What the verification of a version finds."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

MOST_FINDINGS = 20
"""The most findings of one code that are kept; others are counted."""


class Outcome(StrEnum):
    """What a finding means for the version."""

    FAILED = "failed"
    UNPROVEN = "not verified"
    NOTED = "note"


class Code(StrEnum):
    """The codes of all findings; docs/verify.md says what each means. A code never changes its meaning."""

    FILE_MISSING = "file_missing"
    FILE_CHANGED = "file_changed"
    FILE_UNREADABLE = "file_unreadable"
    FILES_NOT_LISTED = "files_not_listed"
    OTHER_VERSION = "other_version"
    REQUEST_DIFFERS = "request_differs"
    REQUEST_OF_OTHER_RELEASE = "request_of_other_release"
    EVIDENCE_DIFFERS = "evidence_differs"
    EVIDENCE_NOT_KEPT = "evidence_not_kept"
    EVIDENCE_NOT_COMPARED = "evidence_not_compared"
    ORDER_DIFFERS = "order_differs"
    TASKS_DIFFER = "tasks_differ"
    TASKS_NOT_GIVEN = "tasks_not_given"
    MANIFEST_DIFFERS = "manifest_differs"
    BEST_START_NOT_PROVEN = "best_start_not_proven"
    NUMBA_MISSING = "numba_missing"
    OTHER_SOFTWARE = "other_software"
    OTHER_WARNINGS = "other_warnings"
    ADDED_FIELDS = "added_fields"


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    outcome : Outcome
    code : Code
    detail : str
        One or two sentences for a person.
    """

    outcome: Outcome
    code: Code
    detail: str


class Findings:
    """The findings of one verification, in the order in which they were made.

    Attributes
    ----------
    version : str
        What was verified, as far as it is known.
    """

    def __init__(self) -> None:
        self.version = ""
        self._found: list[Finding] = []
        self._numbers: Counter[tuple[Outcome, Code]] = Counter()

    def failed(self, code: Code, detail: str) -> None:
        """Add something that contradicts the version."""
        self._add(Finding(Outcome.FAILED, code, detail))

    def unproven(self, code: Code, detail: str) -> None:
        """Add something that could not be verified."""
        self._add(Finding(Outcome.UNPROVEN, code, detail))

    def noted(self, code: Code, detail: str) -> None:
        """Add something that contradicts nothing."""
        self._add(Finding(Outcome.NOTED, code, detail))

    def has(self, outcome: Outcome, *codes: Code) -> bool:
        """Tell whether something was found with an outcome, and with one of the codes if there are any."""
        return any(of is outcome and (not codes or code in codes) for of, code in self._numbers)

    def all(self) -> list[Finding]:
        """Return the findings, with one more for each code of which some are left out."""
        more = [
            Finding(outcome, code, f"There are {number - MOST_FINDINGS:,} more of these.")
            for (outcome, code), number in self._numbers.items()
            if number > MOST_FINDINGS
        ]
        return [*self._found, *more]

    @property
    def outcome(self) -> Outcome | None:
        """The worst outcome but for notes; None if the version is verified."""
        return next((each for each in (Outcome.FAILED, Outcome.UNPROVEN) if self.has(each)), None)

    def _add(self, finding: Finding) -> None:
        self._numbers[finding.outcome, finding.code] += 1
        if self._numbers[finding.outcome, finding.code] <= MOST_FINDINGS:
            self._found.append(finding)
