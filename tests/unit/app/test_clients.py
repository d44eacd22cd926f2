"""Clients are told apart by their keys or addresses, and cannot pass for others."""

from typing import Any

import pytest

from app.access.keys_file import Key
from app.clients import Clients, mark_of
from app.settings import AppSettings
from concept_orderings.errors import SettingError
from store.settings import read_settings


def scope(peer: str | None, *forwarded: str, key: Key | None = None) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", each.encode()) for each in forwarded]
    state = {} if key is None else {"state": {"key": key}}
    return {"type": "http", "client": None if peer is None else (peer, 5000), "headers": headers, **state}


TRUSTING = Clients(["10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", (), "192.0.2.1"),
        ("::ffff:192.0.2.1", (), "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
        (None, (), ""),
        ("192.0.2.1", ("198.51.100.7",), "192.0.2.1"),
        ("10.0.0.1", ("198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("198.51.100.7:4711",), "198.51.100.7"),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::/64"),
        ("fd00::1", ("2001:db8::1",), "2001:db8::/64"),
        ("10.0.0.1", ("203.0.113.9, 198.51.100.7",), "198.51.100.7"),
        ("10.0.0.1", ("203.0.113.9", "198.51.100.7, 10.0.0.2"), "198.51.100.7"),
        ("10.0.0.1", ("10.0.0.3, 10.0.0.2",), "10.0.0.3"),
        ("10.0.0.1", ("198.51.100.7, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", (), "10.0.0.1"),
    ],
)
def test_the_client_is_the_nearest_address_that_is_no_trusted_proxy(
    peer: str | None, forwarded: tuple[str, ...], client: str
) -> None:
    assert TRUSTING.client_of(scope(peer, *forwarded)) == client


def test_by_default_no_forwarded_address_counts() -> None:
    assert Clients().client_of(scope("127.0.0.1", "198.51.100.7")) == "127.0.0.1"


def test_marks_hide_names_and_differ() -> None:
    assert mark_of("") == ""
    assert len({mark_of("192.0.2.1"), mark_of("192.0.2.2"), mark_of("key 192.0.2.1")}) == 3
    assert "192" not in mark_of("192.0.2.1")[:3] or len(mark_of("192.0.2.1")) == 16


def test_a_wrong_network_in_the_settings_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPT_ORDERINGS_TRUSTED_PROXIES", "10.0.0.0/8, 10.0.0.300")
    with pytest.raises(SettingError, match="CONCEPT_ORDERINGS_TRUSTED_PROXIES"):
        read_settings(AppSettings)
    monkeypatch.setenv("CONCEPT_ORDERINGS_TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1")
    assert read_settings(AppSettings).proxies == ["10.0.0.0/8", "127.0.0.1"]


@pytest.mark.parametrize(("active", "given", "most"), [(1000, 0, 500), (2, 0, 2), (15, 0, 10), (1000, 7, 7)])
def test_a_client_may_have_half_of_the_jobs_by_default(active: int, given: int, most: int) -> None:
    assert AppSettings(max_active_jobs=active, max_client_jobs=given).most_client_jobs == most
