"""Scores are gathered from the files that the ordering names, for the worker and for the command ``order``."""

from pathlib import Path
from typing import Any

import pytest

from concept_orderings.errors import ConceptOrderingsError, MissingEvidence, SourceError
from concept_orderings.evidence import Gathered
from concept_orderings.progress import silent
from concept_orderings.request import StreamRequest, parse_request
from store.objects import LocalObjects, open_objects
from store.scores_files import ScoresFiles, ScoresMeaning
from store.settings import read_settings
from worker.evidence.gather_scores import scores_from_files
from worker.order_command import gather_scores
from worker.settings import WorkerSettings

pytestmark = pytest.mark.anyio

ACCURACY = ScoresMeaning(model="a", metric="accuracy", direction="higher is easier")
LOSS = ScoresMeaning(model="b", metric="loss", direction="lower is easier")


def request_for(**ordering: Any) -> StreamRequest:
    return parse_request(
        {
            "name": "x",
            "concepts": ["A+++a", "A+++b", "B+++c"],
            "ordering": {"kind": "performance", **ordering},
            "tasks": {"count": 1},
        }
    )


@pytest.fixture
async def files(tmp_path: Path) -> ScoresFiles:
    files = ScoresFiles(LocalObjects(tmp_path))
    await files.create("right", ACCURACY, {"A": {"a": 3.0, "b": 2.0}, "B": 1.0})
    await files.create("loss", LOSS, {"A": 2.0, "B": 1.0})
    await files.create("some", ACCURACY, {"A": {"b": 2.0}, "B": {}})
    await files.create("none", ACCURACY, {"C": 1.0})
    return files


async def gathered(files: ScoresFiles, **ordering: Any) -> Gathered:
    return await scores_from_files(request_for(**ordering), files, report=silent)


async def failed(files: ScoresFiles, **ordering: Any) -> ConceptOrderingsError:
    with pytest.raises(ConceptOrderingsError) as caught:
        await gathered(files, **ordering)
    return caught.value


async def test_values_are_higher_for_easier_concepts(files: ScoresFiles) -> None:
    assert (await gathered(files, source="right")).values.tolist() == [3, 2, 1]
    loss = await gathered(files, source="loss")
    assert (loss.values.tolist(), loss.columns["score"]) == ([-2, -2, -1], [2, 2, 1])
    # Doubled ranks 2, 4, 6 and 5, 5, 2.
    assert (await gathered(files, sources=["loss", "right"])).values.tolist() == [-7, -9, -8]


async def test_each_file_is_reported(files: ScoresFiles) -> None:
    reported = []
    await scores_from_files(
        request_for(sources=["loss", "right"]), files, report=lambda *progress: reported.append(progress)
    )

    assert reported == [(0, 2), (1, 2)]


async def test_all_missing_scores_of_all_files_are_named(files: ScoresFiles) -> None:
    error = await failed(files, sources=["some", "right", "none"])

    assert isinstance(error, MissingEvidence)
    assert [(each.code, each.pointers) for each in error.faults] == [("missing_scores", ("/ordering/sources",))] * 2
    assert "The scores file none has no score for 3 of 3 concepts: 'A+++a', 'A+++b', 'B+++c'." in error.faults[0].detail
    assert "The scores file some has no score for 2 of 3 concepts: 'A+++a', 'B+++c'." in error.faults[1].detail


async def test_a_name_that_is_gone_is_an_error_with_the_names(files: ScoresFiles) -> None:
    error = await failed(files, sources=["rigt", "loss"])

    assert (type(error), error.code, error.pointers) == (SourceError, "source_not_configured", ("/ordering/sources",))
    assert (
        "There is no scores file rigt. Did you mean right? The scores files are loss, none, right, some."
        in error.detail
    )


@pytest.mark.parametrize("inside", [False, True])
async def test_equal_scores_are_in_the_order_of_their_groups_first(files: ScoresFiles, inside: bool) -> None:
    ordering = {"kind": "performance", "source": "right"}
    request = parse_request(
        {
            "name": "equal",
            "datasets": [{"name": "B", "classes": [f"class {i}" for i in range(12)]}],
            "ordering": {"kind": "dataset", "within": ordering} if inside else ordering,
            "tasks": {"count": 1},
        }
    )
    found = await scores_from_files(request, files, report=silent)

    among = "that of their groups, and inside a group random" if inside else "random"
    assert any(f"inside which their order is {among};" in each.detail for each in found.provenance.warnings)


@pytest.mark.parametrize("part", ["scores-files/right.json", "scores/*/*"])
async def test_a_damaged_file_is_an_error(files: ScoresFiles, tmp_path: Path, part: str) -> None:
    for path in tmp_path.glob(part):  # noqa: ASYNC240  # files of a few bytes
        path.write_bytes(path.read_bytes()[:-3])
    error = await failed(files, source="right")

    assert (type(error), error.code, error.pointers) == (SourceError, "source_damaged", ("/ordering/source",))


def test_the_command_finds_the_files_of_the_data_directory(tmp_path: Path) -> None:
    import asyncio

    settings = read_settings(WorkerSettings, data_dir=tmp_path)
    stored = ScoresFiles(open_objects(settings.streams_location))
    asyncio.run(stored.create("right", ACCURACY, {"A": 2.0, "B": 1.0}))

    assert gather_scores(request_for(source="right"), silent, data_dir=tmp_path).values.tolist() == [2, 2, 1]
    with pytest.raises(SourceError, match="There is no scores file wrong"):
        gather_scores(request_for(source="wrong"), silent, data_dir=tmp_path)
