"""Test that clients see no path of the machine, and everything else as it was."""

from pathlib import Path

import pytest

from store.sources import no_such_source
from worker.evidence.local_index import layout
from worker.hidden_paths import error_without_paths, without_paths


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The index is damaged: /tmp/data/indexes/c4/g1/meta.json: gone.", "The index is damaged: …/meta.json: gone."),
        ("SETTING is /tmp/weights, which does not exist.", "SETTING is …/weights, which does not exist."),
        ("There is no index in /tmp/data/c4. Build one", "There is no index in …/c4. Build one"),
        ("(/tmp/a/b) and '/tmp/a/b.c/' and /tmp", "(…/b) and '…/b.c' and …/tmp"),
        ("[Errno 2] No such file or directory: '/tmp/key'", "[Errno 2] No such file or directory: '…/key'"),
    ],
)
def test_a_path_is_its_last_part(text: str, shown: str) -> None:
    assert without_paths(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        no_such_source("c5", ["c4", "infini-gram"]),
        "Upload it with PUT /v1/scores/mine; GET /v1/sources lists all.",
        "https://search.example.org:9200/tmp/a and s3://tmp/tmp",
        "and/or, CIFAR100+++and/tmp, 1/2, ~/tmp and …/tmp",
        "The field /ordering/source, and /datasets/0/classes/1.",
        "a / b",
    ],
)
def test_what_is_no_path_of_this_machine_stays(text: str) -> None:
    assert without_paths(text) == text


def test_all_faults_of_an_error_are_without_paths(tmp_path: Path) -> None:
    error = layout.missing(tmp_path / "a")
    error.others = layout.missing(tmp_path / "b").faults
    shown = error_without_paths(error.as_json())
    assert str(error.as_json()).count(str(tmp_path)) == 3, "the log has it"
    assert str(tmp_path) not in str(shown)
    assert str(shown).count("There is no index in …/") == 3


def test_the_working_directory_and_the_home_are_hidden() -> None:
    for path in (str(Path.cwd()), str(Path.home() / ".cache" / "huggingface")):
        assert path not in without_paths(f"There is nothing in {path}.")
