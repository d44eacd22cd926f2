"""What a run reports from its threads."""

import threading

import pytest

from concept_orderings.errors import Cancelled
from concept_orderings.progress import Phase, PhaseReport, Report, enter
from worker.monitor import RunReport
from worker.threads import in_thread

pytestmark = pytest.mark.anyio


@pytest.fixture
def report() -> RunReport:
    return RunReport(threading.Event())


def test_nothing_is_reported_before_the_first_phase(report: RunReport) -> None:
    report(1, 2)
    assert report.state is None


def test_a_phase_begins_with_no_step_done(report: RunReport) -> None:
    report.begin(Phase.EMBEDDING, 10)
    assert report.state == (Phase.EMBEDDING, 0, 10)
    report(3, 10)
    assert report.state == (Phase.EMBEDDING, 3, 10)
    report.begin(Phase.ARRANGING, 7)
    assert report.state == (Phase.ARRANGING, 0, 7)


def test_numbers_go_on_after_a_phase_in_between(report: RunReport) -> None:
    report.begin(Phase.ARRANGING, 20)
    report(8, 40)
    report.enter(Phase.COMPILING)
    report(8, 40)
    assert report.state == (Phase.COMPILING, 0, 0), "its steps are not counted"
    report.enter(Phase.ARRANGING)
    assert report.state == (Phase.ARRANGING, 8, 40)


@pytest.mark.parametrize("phase", Phase)
def test_every_report_may_cancel_the_work(phase: Phase) -> None:
    stop = threading.Event()
    report = RunReport(threading.Event(), stop)
    report.enter(phase)
    report(1, 2)
    stop.set()
    with pytest.raises(Cancelled):
        report(2, 2)


async def test_work_in_a_thread_names_its_phase(report: RunReport) -> None:
    def work(in_work: Report) -> None:
        assert isinstance(in_work, PhaseReport)
        enter(in_work, Phase.DIAGNOSING)

    await in_thread(work, report)
    assert report.state == (Phase.DIAGNOSING, 0, 0)
