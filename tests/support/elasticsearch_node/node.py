"""One node: started, waited for, and stopped."""

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
    # Any that are free; the first is read from a file that the node writes once it listens.
    "http.port": "0",
    "transport.port": "0",
    "node.portsfile": "true",
    # A disk that is nearly full is no reason to refuse what tests write.
    "cluster.routing.allocation.disk.threshold_enabled": "false",
}
# Five are usual; a machine that has other work may take many times as long.
_START_SECONDS = 150.0

QUICK_START = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Options of the Java virtual machine for tests: half the time to start, and less speed after minutes of work."""


class ElasticsearchNode:
    """A real Elasticsearch on a free port of 127.0.0.1, with nothing in it.

    It ends with `close`, or with the process that started it, whichever is first.

    Parameters
    ----------
    directory : Path
        An empty directory, for its data and its logs; what is in it may be removed once the node is closed.
    settings : Mapping
        Further settings of the node, such as ``thread_pool.search.queue_size``.
    options : sequence of str
        Of the Java virtual machine; other than by default, where the server's own speed is measured.

    Attributes
    ----------
    url : str
        Where it serves.
    http : httpx.Client
        Speaks to it.

    Raises
    ------
    Unavailable
        See `install`. If the node itself fails or does not answer in time, that is an AssertionError with its log.
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
        """Stop it."""
        self.http.close()
        self.process.stop()

    def __enter__(self) -> "ElasticsearchNode":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
