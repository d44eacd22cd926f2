"""The log of a running child is moved away when it is large, and the child writes on."""

from pathlib import Path

from launcher.datadir import DataDir


def test_a_large_log_of_a_running_child_is_moved_away(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    with data.locked(), data.log("api").open("ab", buffering=0) as written_by_the_child:
        written_by_the_child.write(b"first\n")
        data.cut_log("api", most_bytes=6)
        assert data.log("api").read_bytes() == b"first\n"
        written_by_the_child.write(b"second\n")
        data.cut_log("api", most_bytes=6)
        written_by_the_child.write(b"third\n")
        assert data.log("api").read_bytes() == b"third\n"
        assert (data.logs / "api.log.1").read_bytes() == b"first\nsecond\n"
        written_by_the_child.write(b"fourth\n")
        data.cut_log("api", most_bytes=6)
        assert (data.logs / "api.log.1").read_bytes() == b"third\nfourth\n"
        data.cut_log("worker")
