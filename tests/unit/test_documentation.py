"""The pages describe everything that can be used, and nothing else.

Each failure says which page lacks what.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from app.metrics import GAUGES
from app.openapi import PATH as OPENAPI
from app.settings import AppSettings
from concept_orderings.cli.commands import COMMANDS
from concept_orderings.evidence import EVIDENCE, Need
from concept_orderings.evidence.encoder_names import ENCODERS
from concept_orderings.exporters import EXPORTERS
from concept_orderings.name_patterns import PATTERNS
from concept_orderings.orderings import ORDERINGS
from concept_orderings.parameters import ALL_HAVE
from concept_orderings.stream_warnings import WarningCode
from store.figures import COUNTERS, HISTOGRAMS
from support.pages import PAGES, README, anchors, blocks, links, name_of
from support.processes import ROOT
from worker.evidence.counts.settings import KINDS, settings_model
from worker.settings import WorkerSettings

DOCS = ROOT / "docs"
MOST_LINES = 130
PROGRAMS = ("concept_orderings", "store", "app", "worker", "launcher")
PREFIX = "CONCEPT_ORDERINGS_"
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z_]*[A-Z]\b")

OPERATIONS = [
    (method.upper(), path)
    for path, methods in json.loads(OPENAPI.read_text(encoding="utf-8"))["paths"].items()
    for method in methods
]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def row(page: Path, first_cell: str) -> str:
    """Return the table row of a page that begins with a cell; empty if there is none."""
    found = re.search(rf"^\| [^|]*`{re.escape(first_cell)}[`/][^|]*\|.*$", read(page), re.MULTILINE)
    return found[0] if found else ""


def section(page: Path, heading: str) -> str:
    """Return the section of a page below a heading of level two; empty if there is none."""
    found = re.search(rf"^## {re.escape(heading)}$\n(.*?)(?=^## |\Z)", read(page), re.MULTILINE | re.DOTALL)
    return found[1] if found else ""


# --- the pages themselves


def test_the_readme_is_short() -> None:
    lines = read(README).count("\n")
    assert lines <= MOST_LINES, f"README.md has {lines} lines: move what is not needed at first to a page of docs/"


@pytest.mark.parametrize("index", [DOCS / "README.md", DOCS / "decisions" / "README.md"], ids=name_of)
def test_every_page_is_in_the_index(index: Path) -> None:
    linked = {(index.parent / each.partition("#")[0]).resolve() for each in links(index)}
    missing = [name_of(each) for each in sorted(index.parent.glob("*.md")) if each != index and each not in linked]

    assert missing == [], f"add a line with a link to {name_of(index)} for each of these pages"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_have_targets(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)

    assert dead == [], f"{name_of(page)} links to files or headings that do not exist"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_blocks_are_valid(page: Path) -> None:
    for block in blocks(page):
        if block.language == "json":
            try:
                json.loads(block.text)
            except ValueError as error:
                pytest.fail(f"{name_of(page)}, the block at line {block.line}: {error}")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=name_of)
def test_named_files_exist(page: Path) -> None:
    """A name with capitals, such as `evidence/NAME.py`, stands for any."""
    named = set(re.findall(r"`((?:[a-z0-9_.]+/)+[a-z0-9_]+\.(?:py|lua|md|toml|yaml))`", read(page)))
    folders = (*PROGRAMS, "bench", "docker", "docs", "examples", "tests")
    files = [f"/{name_of(path)}" for folder in folders for path in (ROOT / folder).rglob("*.*")]

    missing = [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in files)]
    assert missing == [], f"{name_of(page)} names files that do not exist: were they renamed?"


def test_decisions_have_numbers_of_their_own() -> None:
    numbers = [path.name[:4] for path in sorted((DOCS / "decisions").glob("0*.md"))]

    assert sorted(set(numbers)) == numbers, "two decisions have one number: give the newer one the next free number"
    for path in (DOCS / "decisions").glob("0*.md"):
        assert read(path).startswith(f"# {int(path.name[:4])}. "), f"{name_of(path)} begins with '# NUMBER. Title'"


# --- what is described


def test_the_table_of_warnings_has_every_code() -> None:
    described = re.findall(r"^\| `([a-z_]+)` \|", section(DOCS / "warnings.md", "Codes"), re.MULTILINE)

    assert sorted(described) == sorted(WarningCode), "docs/warnings.md has one row for each code of a warning"


def test_the_table_of_patterns_of_names_has_every_pattern() -> None:
    table = section(DOCS / "names.md", "Patterns")
    rows = re.findall(r"^\| ([^|`]+) \| ([^|]+) \| `([^`]+)` \|", table, re.MULTILINE)

    assert rows == [(each.name, each.what, each.example) for each in PATTERNS], (
        "docs/names.md has a row for each pattern"
    )


@pytest.mark.parametrize("kind", ORDERINGS)
def test_every_ordering_is_described(kind: str) -> None:
    page = DOCS / "orderings.md"
    own = [each.name for each in ORDERINGS[kind].parameters() if each.name not in ALL_HAVE]

    assert row(README, kind), f"add a row for `{kind}` to the table Orderings in README.md"
    assert row(page, kind), f"add a row for `{kind}` to the first table of docs/orderings.md"
    assert section(page, f"`{kind}`"), f"add a section '## `{kind}`' to docs/orderings.md: rule, source, example"
    assert f'"kind": "{kind}"' in section(page, f"`{kind}`"), f"the section on {kind} needs an example request"
    for name in own:
        assert f"`{name}`" in row(page, kind), f"add `{name}` to the row for `{kind}` in docs/orderings.md"


def test_only_orderings_are_described() -> None:
    headings = set(re.findall(r"^## `(.+)`$", read(DOCS / "orderings.md"), re.MULTILINE))

    assert headings - set(ORDERINGS) == set(), "docs/orderings.md describes orderings that do not exist"


@pytest.mark.parametrize("need", EVIDENCE)
def test_every_kind_of_evidence_is_described(need: Need) -> None:
    table = read(DOCS / "orderings.md")

    assert re.search(rf"^\| {need} \|", table, re.MULTILINE), (
        f"add a row for {need} to the table of evidence in docs/orderings.md"
    )
    for field in EVIDENCE[need].fields:
        assert any(f"`{field.name}`" in read(page) for page in DOCS.glob("*.md")), (
            f"describe the field `{field.name}` of a class list on a page of docs/, such as orderings.md"
        )


@pytest.mark.parametrize("name", ENCODERS)
def test_every_encoder_is_described(name: str) -> None:
    assert row(DOCS / "encoders.md", name), f"add a row for `{name}` to the first table of docs/encoders.md"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_source_is_described(kind: str) -> None:
    page = DOCS / "settings.md"
    heading = f'### `kind = "{kind}"`'
    fields = read(page).partition(heading)[2].partition("\n### ")[0]

    assert row(DOCS / "frequency.md", kind), f"add a row for `{kind}` to the table Sources in docs/frequency.md"
    assert fields, f"add a section {heading} to docs/settings.md: the fields of its table in the file of sources"
    for name in settings_model(kind).model_fields:
        assert name == "kind" or f"`{name}`" in fields, (
            f"describe the field `{name}` below {heading} in docs/settings.md"
        )


@pytest.mark.parametrize("name", EXPORTERS)
def test_every_exporter_is_described(name: str) -> None:
    found = row(DOCS / "exports.md", name)

    assert found, f"add a row for `{name}` to the first table of docs/exports.md"
    assert f"`{EXPORTERS[name].media_type}`" in found, f"docs/exports.md gives {name} another media type"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_call_of_the_api_is_described(method: str, path: str) -> None:
    assert f"`{method} {path}`" in read(DOCS / "http.md"), f"add `{method} {path}` to the table of docs/http.md"


def test_only_calls_of_the_api_are_described() -> None:
    described = set(re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?]*)`", read(DOCS / "http.md")))

    assert described - set(OPERATIONS) == set(), "docs/http.md describes calls that do not exist"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described(name: str) -> None:
    page = DOCS / "commands.md"

    assert row(page, f"concept-orderings {name}"), f"add a row for `concept-orderings {name}` to docs/commands.md"
    assert section(page, f"`{name}`"), f"add a section '## `{name}`' to docs/commands.md"


def settings() -> Iterator[tuple[str, FieldInfo]]:
    """Yield the environment variable and the field of every setting of both programs."""
    for model in (AppSettings, WorkerSettings):
        for name, field in model.model_fields.items():
            alias = field.validation_alias
            yield str(alias.choices[0]) if isinstance(alias, AliasChoices) else PREFIX + name.upper(), field


SETTINGS = dict(settings())


@pytest.mark.parametrize("variable", SETTINGS)
def test_every_setting_is_described(variable: str) -> None:
    assert SETTINGS[variable].description, f"give the field of {variable} a description"
    assert row(DOCS / "settings.md", variable), f"add a row for `{variable}` to docs/settings.md"


def test_the_figures_are_those_of_the_code() -> None:
    """Compare the table of docs/observability.md with what `/metrics` answers."""
    described = re.findall(
        r"^\| `(concept_orderings_\w+)`(?: \((\w+)\))? \| (.*?) ?\| (.*) \|$",
        read(DOCS / "observability.md"),
        re.MULTILINE,
    )
    labels = {each.name: ", ".join(f"`{label}`" for label in each.labels) for each in (*COUNTERS, *HISTOGRAMS)}
    expected = [(f"{each.name}_total", "", labels[each.name], each.summary) for each in COUNTERS]
    expected += [(each.name, "histogram", labels[each.name], each.summary) for each in HISTOGRAMS]
    expected += [(name, "gauge", "", summary) for name, (summary, _) in GAUGES.items()]

    assert described == expected


def test_every_described_variable_is_read_by_a_program() -> None:
    described = {name for page in PAGES for name in VARIABLE.findall(read(page))}
    files = [path for folder in (*PROGRAMS, "docker") for path in (ROOT / folder).rglob("*")]
    in_use = {
        name
        for path in files
        if path.is_file() and path.suffix not in (".pyc", ".nbi", ".nbc", ".md")
        for name in VARIABLE.findall(path.read_text(encoding="utf-8", errors="replace"))
    }

    assert described - set(SETTINGS) - in_use == set(), "these variables are described and no program reads them"
