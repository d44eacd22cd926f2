"""Starting one node, waiting until it answers, and stopping it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import httpx

from support.elasticsearch_node.installation import install
from support.processes import Process
from support.waiting import until

_SETTINGS = {
    "cluster.name": "tests",
    "node.name": "single",
    "discovery.type": "single-node",
    "network.host": "127.0.0.1",
    # Any free ports; the first is read from a file that the node writes once it listens.
    "http.port": "0",
    "transport.port": "0",
    "node.portsfile": "true",
    # Tests may write also if the disk is nearly full.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}
# Five seconds are usual; a busy machine may need many times as long.
_START_SECONDS = 150.0

QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of the Java virtual machine for tests: it starts in half the time, and is slower after minutes of work."""


class ElasticsearchNode:
    """A real, empty Elasticsearch on a free port of 127.0.0.1.

    It ends at `close`, or when the process that started it ends.

    Parameters
    ----------
    directory : Path
        An empty directory for its data and its logs, which may be removed once the node is closed.
    settings : Mapping
        Further settings of the node, such as ``thread_pool.search.queue_size``.
    options : sequence of str
        Options of the Java virtual machine; benchmarks give others than the default.

    Attributes
    ----------
    url : str
        Its address.
    http : httpx.Client
        A client of it.

    Raises
    ------
    Unavailable
        See `install`. If the node fails or does not answer in time, an AssertionError with its log is raised.
    """

    def __init__(
        self, directory: Path, settings: Mapping[str, str] | None = None, *, options: Sequence[str] = QUICK_START
    ) -> None:
        installation = install()
        logs, temporary = directory / "logs", directory / "tmp"
        for each in (logs, temporary):
            each.mkdir()
        files = [f"-Djava.io.tmpdir={temporary}", f"-Djna.tmpdir={temporary}", f"-XX:ErrorFile={logs}/crash.log"]
        command = installation.command(
            [*options, *files, "-Dlog4j2.level=info"],
            {"path.home": str(directory), **_SETTINGS, **(settings or {})},
        )
        self._ports = logs / "http.ports"
        self.http = httpx.Client(timeout=60.0, trust_env=False)
        self.process = Process("elasticsearch", command, {}, logs)
        try:
            until(self._listens, "Elasticsearch listens", deadline=_START_SECONDS)
            self.url = f"http://{self._ports.read_text(encoding='utf-8').split()[0]}"
            self.http.base_url = httpx.URL(self.url)
            until(self._healthy, "Elasticsearch is healthy")
        except BaseException as error:
            self.close()
            error.add_note(f"The node's log:\n{self.process.text()}")
            raise

    def _listens(self) -> bool:
        return self._ports.exists() or self.process.check()

    def _healthy(self) -> bool:
        self.process.check()
        return self.http.get("/_cluster/health", params={"wait_for_status": "green"}).status_code == 200

    def close(self) -> None:
        """Stop the node."""
        self.http.close()
        self.process.stop()

    def __enter__(self) -> "ElasticsearchNode":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
