"""Every setting, ordering and exporter is described where people read, and nothing is described that is not there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from app.settings import AppSettings
from concept_orderings.exporters import EXPORTERS
from concept_orderings.orderings import ORDERINGS
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXT = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
PREFIX = "CONCEPT_ORDERINGS_"


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Yield the environment variable and the field of every setting of both programs."""
    for model in (AppSettings, WorkerSettings):
        for name, field in model.model_fields.items():
            alias = field.validation_alias
            yield str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + name.upper(), field


SETTINGS = dict(settings())


@pytest.mark.parametrize("variable", SETTINGS)
def test_every_setting_is_described(variable: str) -> None:
    assert SETTINGS[variable].description
    assert re.search(rf"\b{variable}\b", TEXT), f"{variable} stands neither in README.md nor below docs/"


@pytest.mark.parametrize("kind", ORDERINGS)
def test_every_ordering_is_described_with_its_parameters(kind: str) -> None:
    for name in (kind, *(each.name for each in ORDERINGS[kind].parameters())):
        assert re.search(rf'[`"]{name}\b', TEXT), f"{name} stands neither in README.md nor below docs/"


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_exporter_is_described(name: str) -> None:
    table = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| `{name}` \|.*$", table, re.MULTILINE)

    assert row, f"{name} has no row in the table of docs/exports.md"
    assert f"`{EXPORTERS[name].media_type}`" in row[0], f"docs/exports.md gives {name} another media type"


def test_every_variable_that_is_described_is_read_somewhere() -> None:
    described = set(re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", TEXT))
    files = [
        path
        for folder in ("concept_orderings", "app", "worker", "store", "launcher", "docker")
        for path in (ROOT / folder).rglob("*")
    ]
    read = {
        name
        for path in files
        if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc")
        for name in _names(path)
    }

    assert described - set(SETTINGS) - read == set()


def _names(path: Path) -> list[str]:
    return re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8", errors="replace"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []
