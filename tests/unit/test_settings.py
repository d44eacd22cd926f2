"""Settings: an invalid setting is an error before anything starts."""

import pytest

from app.settings import AppSettings
from concept_orderings.errors import SettingError, SourceError
from store.settings import StoreSettings, read_settings
from worker.settings import WorkerSettings


@pytest.mark.parametrize(
    ("kind", "variable", "value"),
    [
        (StoreSettings, "REDIS_URL", "localhost"),
        (StoreSettings, "CONCEPT_ORDERINGS_NAMESPACE", "a:b"),
        (StoreSettings, "CONCEPT_ORDERINGS_NAMESPACE", "Lab"),
        (StoreSettings, "CONCEPT_ORDERINGS_NAMESPACE", "lab\n"),
        (StoreSettings, "CONCEPT_ORDERINGS_NAMESPACE", "a*"),
        (AppSettings, "CONCEPT_ORDERINGS_LOG_LEVEL", "loud"),
        (AppSettings, "CONCEPT_ORDERINGS_DEFAULT_ENCODER", "nonsense"),
        (AppSettings, "CONCEPT_ORDERINGS_MAX_ACTIVE_JOBS", "0"),
        (WorkerSettings, "CONCEPT_ORDERINGS_THREADS", "many"),
        (WorkerSettings, "CONCEPT_ORDERINGS_REDELIVERY_SECONDS", "0"),
    ],
)
def test_an_invalid_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, kind: type[StoreSettings], variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingError) as caught:
        read_settings(kind)
    assert caught.value.code == "bad_setting"
    assert caught.value.detail.startswith(f"{variable}: ")


def test_a_passed_setting_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_DATA_DIR", "/elsewhere")
    assert str(read_settings(StoreSettings).data_dir) == "/elsewhere"
    assert str(read_settings(StoreSettings, data_dir="/here").data_dir) == "/here"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment files of compose have empty variables for settings that are not set."""
    for variable in ("CONCEPT_ORDERINGS_SOURCES", "CONCEPT_ORDERINGS_THREADS", "REDIS_URL"):
        monkeypatch.setenv(variable, "")
    settings = read_settings(WorkerSettings)
    assert (settings.sources, settings.threads) == (None, 0)
    assert settings.redis_url.startswith("redis://")


@pytest.mark.parametrize("name", ["..", "../c4", "C4", "", "a/b"])
def test_the_name_of_an_index_cannot_be_a_path(name: str) -> None:
    with pytest.raises(SourceError):
        StoreSettings().index_dir(name)
