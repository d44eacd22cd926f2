"""Fixtures that all tests share: a real Valkey, a real Elasticsearch, and whole services."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deployment import Deployment
from support.elasticsearch_node import ElasticsearchNode, Unavailable, load_c4
from support.processes import Valkey

DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def session_valkey() -> Iterator[Valkey]:
    valkey = Valkey(durable=False)
    yield valkey
    valkey.close()


@pytest.fixture
def valkey(session_valkey: Valkey) -> Valkey:
    """An empty Valkey."""
    with session_valkey.client() as client:
        client.flushall()
    return session_valkey


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """The real API and worker, shared by the tests of a module: each uses stream names of its own."""
    with Deployment(tmp_path_factory.mktemp("service")) as deployment:
        yield deployment.ready()


@pytest.fixture(scope="module")
def _controlled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with Deployment(tmp_path_factory.mktemp("controlled"), controlled=True) as deployment:
        yield deployment


@pytest.fixture
def controlled(_controlled: Deployment) -> Iterator[Deployment]:
    """The real API, and workers whose jobs can be held, failed and killed; none is started yet.

    The API is shared by the tests of a module: each uses stream names and seeds of its own.
    """
    yield _controlled
    _controlled.reset()


@pytest.fixture(scope="session")
def benchmark_data() -> Path:
    """The FoMo-in-Flux lists and the C4 sample."""
    if not DATA.is_dir():
        pytest.skip(f"the benchmark's data is not at {DATA}")
    return DATA


@pytest.fixture(scope="session")
def elasticsearch_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElasticsearchNode]:
    """A real Elasticsearch, shared by all tests: each uses indexes of its own, or leaves them as they are."""
    try:
        node = ElasticsearchNode(tmp_path_factory.mktemp("elasticsearch"))
    except Unavailable as reason:
        if os.environ.get("REQUIRE_ELASTICSEARCH", "0") != "0":
            raise
        pytest.skip(f"no Elasticsearch to test with: {reason}")
    with node:
        yield node


@pytest.fixture(scope="session")
def c4_sample(benchmark_data: Path) -> Path:
    """A shard of C4 with 1,000 documents."""
    return benchmark_data / "c4" / "c4-sample.json.gz"


@pytest.fixture(scope="session")
def c4_in_elasticsearch(c4_sample: Path, elasticsearch_node: ElasticsearchNode) -> str:
    """Name of an index of the sample, which tests leave as it is."""
    assert load_c4(elasticsearch_node.http, "c4", c4_sample) == 1000
    return "c4"
