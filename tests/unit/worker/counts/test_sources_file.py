"""The file of sources: errors name the table and the field, and never a secret."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import pytest

from concept_orderings.errors import SettingError, SourceError
from store.counts_files import CountsFiles, CountsMeaning
from store.objects import LocalObjects
from store.settings import read_settings
from worker.evidence.counts import open_source
from worker.evidence.counts.elasticsearch import ElasticsearchSettings
from worker.evidence.counts.infini_gram import InfiniGramSettings
from worker.evidence.counts.settings import DEFAULT, read_sources
from worker.evidence.local_index import build_index
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[4]
RIGHT = '[wimbd-c4]\nkind = "elasticsearch"\nurl = "http://127.0.0.1:1"\nindex = "c4"\nfilters = { subset = "en" }\n'


def settings(tmp_path: Path, text: str | None) -> WorkerSettings:
    path = None
    if text is not None:
        path = tmp_path / "sources.toml"
        path.write_text(text, encoding="utf-8")
    return WorkerSettings(sources=path, data_dir=tmp_path / "data")


def test_the_file_of_sources_gives_names_and_settings(tmp_path: Path) -> None:
    sources = read_sources(settings(tmp_path, RIGHT + '[infini-gram]\nkind = "infini-gram"\nindex = "v4_rpj_llama_s4"'))
    assert list(sources) == ["wimbd-c4", "infini-gram"]
    wimbd, infini_gram = sources.values()
    assert isinstance(wimbd, ElasticsearchSettings)
    assert (wimbd.index, wimbd.filters) == ("c4", {"subset": "en"})
    assert isinstance(infini_gram, InfiniGramSettings)
    assert infini_gram.index == "v4_rpj_llama_s4"


def test_without_a_file_there_is_what_needs_no_settings(tmp_path: Path) -> None:
    assert read_sources(settings(tmp_path, None)) == {"infini-gram": InfiniGramSettings()}
    assert list(DEFAULT) == ["infini-gram"]


def test_an_empty_file_is_no_sources(tmp_path: Path) -> None:
    assert read_sources(settings(tmp_path, "")) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[c4", "is not TOML"),
        ("[c4]\nurl = 1", "[c4], kind: it is missing; the kinds are elasticsearch, infini-gram"),
        ('[c4]\nkind = "solr"', "[c4], kind: 'solr' is not a kind; the kinds are elasticsearch, infini-gram"),
        ("[c4]\nkind = [1]", "[c4], kind: '[1]' is not a kind"),
        ('kind = "infini-gram"', "kind stands outside any table"),
        ('[C4]\nkind = "infini-gram"', "[C4]: a source's name has 1 to 128 lower-case"),
        ('[request]\nkind = "infini-gram"', "[request]: a source's name"),
        ('[fomo-c4-ranks]\nkind = "infini-gram"', "and is neither request nor fomo-c4-ranks"),
        ('[c4]\nkind = "elasticsearch"\nurl = "http://h"', "[c4], index: "),
        (RIGHT + "in_flight = 0", "[wimbd-c4], in_flight: "),
        (RIGHT + 'api_key = "s3cret"', "[wimbd-c4], api_key: "),
        (RIGHT + 'password_file = "/p"', "[wimbd-c4]: "),
        (RIGHT.replace("127.0.0.1", "me:s3cret@h"), "[wimbd-c4], url.0: "),
        (RIGHT.replace("127.0.0.1:1", "me:s3cret/x@h:1"), "[wimbd-c4], url.0: "),
        (RIGHT.replace("127.0.0.1:1", "h:s3cret"), "[wimbd-c4], url.0: "),
        ('[i]\nkind = "infini-gram"\nurl = "https://me:s3cret/x@h:1"', "[i], url: "),
        ('[i]\nkind = "infini-gram"\nurl = "gopher://h"', "[i], url: "),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingError) as caught:
        read_sources(settings(tmp_path, text))
    assert caught.value.code == "bad_setting"
    assert caught.value.detail.startswith(f"CONCEPT_ORDERINGS_SOURCES: {tmp_path / 'sources.toml'}")
    assert said in caught.value.detail
    assert "s3cret" not in caught.value.detail
    assert caught.value.detail.endswith("docs/settings.md shows such a file.")


def test_a_missing_file_of_sources_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"none\.toml: No such file"):
        read_sources(WorkerSettings(sources=tmp_path / "none.toml"))


def test_the_setting_is_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_SOURCES", str(tmp_path / "s.toml"))
    assert read_settings(WorkerSettings).sources == tmp_path / "s.toml"


@pytest.mark.parametrize("model", [ElasticsearchSettings, InfiniGramSettings])
def test_every_field_is_documented(model: type[ElasticsearchSettings | InfiniGramSettings]) -> None:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    section = text.partition(f'### `kind = "{model.model_fields["kind"].default}"`')[2].partition("###")[0]
    rows = {name for line in section.splitlines() if line.startswith("| `") for name in line.split("|")[1].split("`")}
    assert set(model.model_fields) - {"kind"} <= rows


# ---- sources by name

anyio = pytest.mark.anyio


def local_index(tmp_path: Path, name: str) -> None:
    shard = tmp_path / "shard.json.gz"
    shard.write_bytes(gzip.compress(b'{"text": "a dog"}\n'))
    build_index([shard], tmp_path / "data" / "indexes" / name)


async def counts_file(objects: LocalObjects, name: str) -> None:
    await CountsFiles(objects).create(name, CountsMeaning(unit="documents", corpus="mine"), {"dog": 3})


@anyio
async def test_each_kind_of_source_is_found_by_its_name(tmp_path: Path) -> None:
    objects, worker = LocalObjects(tmp_path / "objects"), settings(tmp_path, RIGHT + '[i]\nkind = "infini-gram"')
    local_index(tmp_path, "local")
    await counts_file(objects, "mine")
    for name, kind in (("local", "local-index"), ("mine", "file")):
        source = await open_source(name, worker, objects)
        facts = await source.facts()
        assert (facts.name, facts.kind) == (name, kind)
        await source.aclose()
    for name, kind in (("wimbd-c4", "ElasticsearchSource"), ("i", "InfiniGramSource")):
        source = await open_source(name, worker, objects)
        assert type(source).__name__ == kind
        await source.aclose()


@anyio
@pytest.mark.parametrize("name", ["missing", "request", "fomo-c4-ranks", "", "..", "C4", "a/b"])
async def test_a_name_without_a_source_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError) as caught:
        await open_source(name, settings(tmp_path, RIGHT), LocalObjects(tmp_path / "objects"))
    assert caught.value.code == "source_not_configured"
    if name == "missing":
        assert "wimbd-c4" in caught.value.detail
        assert "--name missing" in caught.value.detail


@anyio
async def test_a_name_that_stands_for_two_sources_is_refused(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path / "objects")
    local_index(tmp_path, "wimbd-c4")
    await counts_file(objects, "wimbd-c4")
    with pytest.raises(SourceError) as caught:
        await open_source("wimbd-c4", settings(tmp_path, RIGHT), objects)
    assert caught.value.code == "source_not_configured"
    for place in ("a table in the file of sources", "a local index"):
        assert place in caught.value.detail
    assert str(tmp_path) not in caught.value.detail


@anyio
async def test_a_source_of_the_operator_goes_before_a_counts_file_of_its_name(tmp_path: Path) -> None:
    """Any client can upload a file under any name, also before the operator adds the source."""
    objects = LocalObjects(tmp_path / "objects")
    await counts_file(objects, "local")
    await counts_file(objects, "wimbd-c4")
    local_index(tmp_path, "local")
    for name, kind in (("local", "LocalIndexSource"), ("wimbd-c4", "ElasticsearchSource")):
        source = await open_source(name, settings(tmp_path, RIGHT), objects)
        assert type(source).__name__ == kind
        await source.aclose()


@anyio
async def test_a_damaged_index_is_reported_as_damaged_not_as_missing(tmp_path: Path) -> None:
    local_index(tmp_path, "local")
    (tmp_path / "data" / "indexes" / "local" / "index.json").write_text("{")
    with pytest.raises(SourceError) as caught:
        await open_source("local", settings(tmp_path, None), LocalObjects(tmp_path / "objects"))
    assert caught.value.code == "source_damaged"


# ---- programs that are started with a wrong file


@pytest.mark.parametrize("command", [["concept_orderings.cli", "serve"], ["worker"]])
def test_nothing_starts_with_a_wrong_file(tmp_path: Path, command: list[str]) -> None:
    path = tmp_path / "sources.toml"
    path.write_text('[c4]\nkind = "solr"\n', encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={
            **os.environ,
            "CONCEPT_ORDERINGS_SOURCES": str(path),
            "CONCEPT_ORDERINGS_DATA_DIR": str(tmp_path / "data"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert f"CONCEPT_ORDERINGS_SOURCES: {path}, [c4], kind: 'solr' is not a kind" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "data").exists()
