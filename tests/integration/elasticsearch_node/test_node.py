"""The Elasticsearch node of the tests: its address, its end, and the error if it cannot start."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from support.elasticsearch_node import ElasticsearchNode
from support.processes import ROOT
from support.waiting import until

START_AND_DIE = """
import os, sys
from pathlib import Path
from support.elasticsearch_node import ElasticsearchNode
print(ElasticsearchNode(Path(sys.argv[1])).process.pid, flush=True)
os._exit(1)
"""


def test_a_node_is_of_the_version_that_is_promised(elasticsearch_node: ElasticsearchNode) -> None:
    nodes = elasticsearch_node.http.get("/_nodes/http").json()["nodes"].values()

    assert [node["version"].rpartition(".")[0] for node in nodes] == ["8.19"]
    assert elasticsearch_node.url.startswith("http://127.0.0.1:")


def test_a_node_that_does_not_start_says_why(elasticsearch_node: ElasticsearchNode, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"unknown setting \[no\.such\.setting\]"):
        ElasticsearchNode(tmp_path, {"no.such.setting": "1"})


def test_a_node_ends_when_what_started_it_was_killed(elasticsearch_node: ElasticsearchNode, tmp_path: Path) -> None:
    command = [sys.executable, "-c", START_AND_DIE, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=False)

    node = int(run.stdout)
    until(lambda: not psutil.pid_exists(node) or psutil.Process(node).status() == "zombie", "the node has ended")
