"""The format of a data directory: written once; an unknown format is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from concept_orderings.errors import SettingError
from store.format import CURRENT, FILE, FORMAT, READ_BY, Format, check_data_dir, claim_data_dir


def test_a_new_directory_gets_the_current_format(tmp_path: Path) -> None:
    root = tmp_path / "data"
    claim_data_dir(root)
    assert Format.from_bytes((root / FILE).read_bytes()) == CURRENT == Format(2, "0.2.0") == Format(FORMAT, READ_BY)
    assert [each.name for each in root.iterdir()] == [FILE]


def test_a_directory_of_0_1_0_gets_the_current_format(tmp_path: Path) -> None:
    (tmp_path / "streams").mkdir()
    claim_data_dir(tmp_path)
    assert (tmp_path / FILE).read_bytes() == CURRENT.to_bytes()


def test_the_format_is_not_written_again(tmp_path: Path) -> None:
    claim_data_dir(tmp_path)
    before = (tmp_path / FILE).stat()
    claim_data_dir(tmp_path)
    assert (tmp_path / FILE).stat() == before


def test_checking_writes_nothing(tmp_path: Path) -> None:
    check_data_dir(tmp_path)
    check_data_dir(tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("use", [check_data_dir, claim_data_dir])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (Format(3, "0.4.0").to_bytes(), ["format 3", "up to 2", "0.4.0"]),
        (b'{"format": 3}', ["format 3", "a later one"]),
        (b'{"format": 0, "read_by": "x"}', ["format 0"]),
        (b"2", ["damaged"]),
        (b'{"format": "2"}', ["damaged"]),
        (b'{"format": true}', ["damaged"]),
        (b"\xff", ["damaged"]),
    ],
)
def test_another_format_is_refused_and_not_changed(
    tmp_path: Path, data: bytes, words: list[str], use: Callable[[Path], None]
) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(SettingError) as caught:
        use(tmp_path)
    assert caught.value.code == "unknown_data_format"
    assert str(tmp_path) in caught.value.detail
    assert [each for each in words if each not in caught.value.detail] == []
    assert "\n" not in caught.value.detail
    assert (tmp_path / FILE).read_bytes() == data


def test_a_format_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(SettingError, match="cannot be read"):
        claim_data_dir(tmp_path)


def test_a_directory_that_cannot_be_written_is_not_changed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    claim_data_dir(tmp_path / "file")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


def test_programs_may_write_the_format_at_the_same_time(tmp_path: Path) -> None:
    for number in range(20):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(claim_data_dir, [tmp_path / str(number)] * 8))
        assert [each.name for each in (tmp_path / str(number)).iterdir()] == [FILE]
        assert (tmp_path / str(number) / FILE).read_bytes() == CURRENT.to_bytes()
