"""The line on a terminal that says what a command is at."""

import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from concept_orderings.progress import Phase, enter, silent
from concept_orderings.progress_line import progress_on
from support.optional import needs_programs

ROOT = Path(__file__).parents[3]


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def lines(written: str) -> list[str]:
    """Return what a terminal shows one after the other on its line."""
    return [each.removesuffix("\x1b[K") for each in written.split("\r")[1:]]


def test_the_line_has_the_phase_and_its_numbers() -> None:
    terminal = Terminal()
    with progress_on(terminal) as report:
        enter(report, Phase.LOADING)
        report(0, 40)
        enter(report, Phase.EMBEDDING)
        report(20, 40)
        report(20, 40)
        enter(report, Phase.EMBEDDING)
        report(40, 40)
    assert lines(terminal.getvalue()) == [
        "loading the encoder",
        "embedding",
        "embedding [" + "#" * 15 + "." * 15 + "] 20 of 40",
        "embedding [" + "#" * 30 + "] 40 of 40",
        "",
    ]


def test_numbers_without_a_phase_are_shown() -> None:
    terminal = Terminal()
    with progress_on(terminal) as report:
        report(1, 2)
    assert lines(terminal.getvalue()) == ["[" + "#" * 15 + "." * 15 + "] 1 of 2", ""]


def test_the_line_is_erased_if_the_work_fails() -> None:
    terminal = Terminal()

    def fail() -> None:
        with progress_on(terminal) as report:
            enter(report, Phase.ARRANGING)
            raise ValueError("failed")

    with pytest.raises(ValueError, match="failed"):
        fail()
    assert lines(terminal.getvalue()) == ["arranging", ""]


def test_nothing_is_written_if_nothing_is_reported() -> None:
    terminal = Terminal()
    with progress_on(terminal):
        pass
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("stream", [None, io.StringIO()], ids=["closed", "no terminal"])
def test_nothing_is_shown_where_there_is_no_terminal(stream: io.StringIO | None) -> None:
    with progress_on(stream) as report:
        assert report is silent


@needs_programs
def test_a_terminal_shows_the_phases_of_an_order() -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "concept_orderings.cli", "order", "examples/flowers102.json"]
    with subprocess.Popen(
        [*command, "--kind", "similarity", "--encoder", "fake"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        # A terminal whose last writer has ended is an error on Linux, and not an end of file.
        try:
            while part := os.read(ours, 4096):
                shown += part
        except OSError:
            pass
        os.close(ours)
        assert process.wait(60) == 0, shown
    seen = [each.split(" [")[0] for each in lines(shown.decode())]
    order = [Phase.LOADING, Phase.EMBEDDING, Phase.ARRANGING, Phase.DIAGNOSING, ""]
    assert [phase for phase in dict.fromkeys(seen) if phase != Phase.COMPILING] == order
