"""Requests that are drawn from the OpenAPI document: no answer is a fault of the service or differs from the document.

All checks of Schemathesis count. `support.several_fields` lists what only a rule over several fields can refuse.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import Deployment
from support.infini_gram import InfiniGram
from support.schemathesis_run import count_checked
from support.several_fields import is_beside_the_schema

MOST_SECONDS = 3000
"""The time for 10,000 requests to each operation; what it allows of them are made."""


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A service whose only source on the network is one of this machine, and whose answers wait for a second."""
    directory = tmp_path_factory.mktemp("target")
    sources = directory / "sources.toml"
    with (
        InfiniGram(["an aquarium fish", "a sunflower"]) as infini_gram,
        Deployment(
            directory, CONCEPT_ORDERINGS_SOURCES=str(sources), CONCEPT_ORDERINGS_MAX_WAIT_SECONDS="1"
        ) as service,
    ):
        sources.write_text(f'[infini-gram]\nkind = "infini-gram"\nurl = "{infini_gram.url}"\n')
        yield service.ready()


@pytest.mark.parametrize(
    ("options", "fewest"),
    [
        (("--phases", "fuzzing", "--max-examples", "4", "--generation-deterministic"), 100),
        pytest.param(
            ("--max-examples", "10000", "--max-time", str(MOST_SECONDS)),
            10_000,
            marks=[pytest.mark.faults, pytest.mark.timeout(MOST_SECONDS + 600)],
        ),
    ],
    ids=["short", "long"],
)
def test_drawn_requests_get_the_answers_of_the_document(
    target: Deployment, tmp_path: Path, options: tuple[str, ...], fewest: int
) -> None:
    cases = count_checked(target.api.url, tmp_path, *options, seconds=MOST_SECONDS + 300)

    print(f"{cases} requests")
    assert cases >= fewest
    assert target.process_is_well(), target.api.process.text()


def test_only_what_a_schema_cannot_refuse_is_excused() -> None:
    assert is_beside_the_schema(422, "bad_task_count", "5 concepts cannot be cut into 6 tasks.")
    assert is_beside_the_schema(424, "source_refused", "The counts file has no such count.")
    assert not is_beside_the_schema(422, "bad_task_count", "The number of tasks is an integer from 1.")
    assert not is_beside_the_schema(422, "bad_query", "limit: Input should be less than or equal to 1000.")
    assert not is_beside_the_schema(400, "invalid_json", "The body is not JSON.")
