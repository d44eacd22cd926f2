from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from concept_orderings.errors import SourceError
from worker.evidence.counts.elasticsearch import ElasticsearchSettings

pytestmark = pytest.mark.anyio

LEAST: dict[str, Any] = {"url": "https://search.example.org", "index": "c4"}


def test_a_url_and_an_index_are_enough() -> None:
    settings = ElasticsearchSettings(**LEAST)

    assert settings.url == ("https://search.example.org:443",)
    assert (settings.text_field, settings.filters, settings.match, settings.ttl_hours) == ("text", {}, "phrase", 0)


@pytest.mark.parametrize(
    ("url", "urls"),
    [
        ("http://localhost", ("http://localhost:80",)),
        ("http://localhost:9200/", ("http://localhost:9200",)),
        ("https://[::1]", ("https://[::1]:443",)),
        ("https://example.org/search/", ("https://example.org:443/search",)),
        (["https://a", "http://b:1"], ("https://a:443", "http://b:1")),
    ],
)
def test_urls_have_ports(url: Any, urls: tuple[str, ...]) -> None:
    assert ElasticsearchSettings(url=url, index="c4").url == urls


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"url": ()}, "give one of url and cloud_id"),
        ({"cloud_id": "name:abc"}, "give one of url and cloud_id"),
        ({"url": "search.example.org:9200"}, "url"),
        ({"url": "ftp://search.example.org"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://host:99999"}, "url"),
        ({"url": "https://user:secret@host"}, "not in the URL"),
        ({"url": "https://user:sec/ret@host"}, "not in the URL"),
        ({"url": "https://host:s3cret"}, "the port is not a number"),
        ({"url": "https://[s3cret"}, "the host is not valid"),
        ({"url": "https://host?x=1"}, "ends with its path"),
        ({"index": ""}, "index"),
        ({"match": "fuzzy"}, "match"),
        ({"indx": "c4"}, "indx"),
        ({"kind": "infini-gram"}, "kind"),
        ({"filters": {"subset": {"a": 1}}}, r"filters\.subset\n.*a filter is"),
        ({"filters": {"subset": []}}, r"filters\.subset\n.*a filter is"),
        ({"filters": {"subset": ["en", 1]}}, r"filters\.subset\n.*a filter is"),
        ({"filters": "en"}, "filters"),
        ({"ttl_hours": -1}, "ttl_hours"),
        ({"ttl_hours": float("inf")}, "ttl_hours"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
        ({"names_per_request": 0}, "names_per_request"),
        ({"in_flight": 0}, "in_flight"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"api_key_file": "k", "api_key_env": "K"}, "api_key_file and api_key_env"),
        ({"user": "u", "password_file": "p", "password_env": "P"}, "password_file and password_env"),
        ({"user": "u", "password_file": "p", "api_key_env": "K"}, "user and api_key_env"),
        ({"user": "u"}, "user needs password_file or password_env"),
        ({"password_env": "P"}, "they need user"),
    ],
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as error:
        ElasticsearchSettings(**{**LEAST, **wrong})
    assert len(error.value.errors()) == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"api_key_file": "missing"}, "api_key_file: .*missing cannot be read"),
        ({"api_key_file": "blank"}, "api_key_file: .*blank is not set, or is empty"),
        ({"api_key_file": "binary"}, "api_key_file: .*binary cannot be read"),
        ({"api_key_env": "NO_SUCH_VARIABLE"}, "api_key_env: the environment variable NO_SUCH_VARIABLE"),
        ({"api_key_file": "two lines"}, "api_key_file: .*two lines contains a line break"),
        ({"user": "ann", "password_file": "two lines"}, "password_file: .*two lines contains a line break"),
        ({"user": "ann", "password_file": "missing"}, "password_file: .*missing cannot be read"),
        ({"user": "ann", "password_env": "NO_SUCH_VARIABLE"}, "password_env: the environment variable"),
        ({"ca_file": "missing"}, "ca_file: there is no file .*missing"),
        ({"ca_file": "blank"}, "ca_file: "),
        ({"url": (), "cloud_id": "not one"}, "cloud_id: "),
    ],
)
def test_what_cannot_be_read_is_named_when_it_is_opened(
    settings: dict[str, Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("blank").write_text(" \n")
    Path("binary").write_bytes(b"\xff\xfe\x00")
    Path("two lines").write_text("s3cr\net\n")

    with pytest.raises(SourceError, match=said) as error:
        ElasticsearchSettings(**{**LEAST, **settings}).open("wimbd-c4")
    assert error.value.code == "source_not_configured"
    assert "'wimbd-c4'" in error.value.detail
    assert "s3cr" not in error.value.detail


async def test_a_deployment_in_the_cloud_is_found_by_its_id() -> None:
    # Base64 of example.org$deployment$kibana.
    source = ElasticsearchSettings(cloud_id="c4:ZXhhbXBsZS5vcmckZGVwbG95bWVudCRraWJhbmE=", index="c4").open("c4")
    await source.aclose()


def test_filters_keep_their_types() -> None:
    filters = {"subset": "en", "year": 2019, "clean": True, "score": 0.5, "part": [1, 2], "url": ["a", "b"]}

    kept = ElasticsearchSettings(**LEAST, filters=filters).filters

    assert [(name, type(value), value) for name, value in kept.items()] == [
        (name, type(value), value) for name, value in filters.items()
    ]


def test_secrets_are_not_shown() -> None:
    settings = ElasticsearchSettings(**LEAST, user="ann", password_env="ELASTIC_SECRET")

    assert "ELASTIC_SECRET" in repr(settings)
    assert not [name for name in ElasticsearchSettings.model_fields if name in ("api_key", "password")]


def test_all_fields_are_described() -> None:
    fields = ElasticsearchSettings.model_fields
    assert [name for name, field in fields.items() if not field.description and name != "kind"] == []
