"""Test how the command line finds the commands and gatherers of other programs."""

import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest

from concept_orderings.cli import commands, main
from concept_orderings.cli import entry_points as cli_entry_points
from concept_orderings.cli.commands import COMMANDS, OF_THE_LIBRARY
from concept_orderings.cli.gatherers import find_gatherer
from concept_orderings.errors import ConceptOrderingsError
from concept_orderings.evidence import Need

ROOT = Path(__file__).parents[4]
DECLARED: dict[str, dict[str, str]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "entry-points"
]


@pytest.mark.parametrize("group", DECLARED)
def test_the_installed_entry_points_are_those_of_pyproject(group: str) -> None:
    installed = {each.name: each.value for each in entry_points(group=group)}

    assert installed == DECLARED[group], "run `make setup`: pyproject.toml has changed since the last installation"


def test_each_command_is_described_and_declared() -> None:
    assert set(COMMANDS) == {*OF_THE_LIBRARY, *DECLARED["concept_orderings.commands"]}, (
        "name the command in both: COMMANDS in concept_orderings/cli/commands.py and pyproject.toml"
    )


def test_gatherers_are_named_after_the_kind_of_evidence() -> None:
    assert set(DECLARED["concept_orderings.gatherers"]) <= set(Need)


@pytest.mark.parametrize(
    "entry",
    [EntryPoint(name, value, group) for group, each in DECLARED.items() for name, value in each.items()],
    ids=lambda entry: f"{entry.group.rpartition('.')[2]}-{entry.name}",
)
def test_each_entry_point_can_be_imported(entry: EntryPoint) -> None:
    pytest.importorskip("tantivy", reason="commands need the programs' libraries")
    found = entry.load()

    if entry.group == "concept_orderings.commands":
        assert callable(found.add_arguments)
        assert callable(found.run)
    else:
        assert callable(found)


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {*OF_THE_LIBRARY}))
def test_a_command_shows_its_own_arguments(capsys: pytest.CaptureFixture[str], name: str) -> None:
    pytest.importorskip("tantivy", reason="commands need the programs' libraries")
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])

    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: concept-orderings {name}")


@pytest.mark.parametrize(
    "command",
    [
        "serve --port 1 --port 2",
        "serve --host a --host b",
        "index x --name a --name b",
        "index x --data-dir a --data-dir b",
    ],
)
def test_an_option_is_given_once(capsys: pytest.CaptureFixture[str], command: str) -> None:
    """The first value would have no effect."""
    pytest.importorskip("tantivy", reason="commands need the programs' libraries")
    with pytest.raises(SystemExit) as left:
        main(command.split())

    assert left.value.code == 2
    assert "it is given twice" in capsys.readouterr().err


def test_the_list_of_commands_imports_no_program() -> None:
    code = (
        "import contextlib, sys; from concept_orderings.cli import main\n"
        "with contextlib.suppress(SystemExit): main(['--help'])\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    text, _, loaded = run.stdout.rstrip().rpartition("\n")

    for name, what in COMMANDS.items():
        assert name in text
        assert what in " ".join(text.split())
    assert {"app", "launcher", "store", "worker"}.isdisjoint(loaded.split())


@pytest.fixture
def nothing_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the metadata by one without entry points, as an older installation has."""
    real = cli_entry_points.load
    monkeypatch.setattr(commands, "load", lambda group, name: real("no such group", name))
    monkeypatch.setattr("concept_orderings.cli.gatherers.load", lambda group, name: real("no such group", name))


@pytest.mark.usefixtures("nothing_declared")
@pytest.mark.parametrize("name", sorted({*COMMANDS} - {*OF_THE_LIBRARY}))
def test_a_command_that_is_not_declared_says_how_to_get_it(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main([name]) == 1
    captured = capsys.readouterr()

    assert captured.out == ""
    assert captured.err.startswith(f"concept-orderings: `{name}` needs the service")
    assert "make setup" in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("nothing_declared")
@pytest.mark.parametrize(
    ("kind", "code"), [(Need.EMBEDDINGS, "encoder_not_configured"), (Need.COUNTS, "source_not_configured")]
)
def test_evidence_that_no_program_gathers(kind: Need, code: str) -> None:
    with pytest.raises(ConceptOrderingsError) as caught:
        find_gatherer(kind)

    assert caught.value.code == code
