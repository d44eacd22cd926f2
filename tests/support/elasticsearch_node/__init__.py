"""A real Elasticsearch for tests, from the artifacts that Elastic publishes: see the README beside this file.

- `ElasticsearchNode` is one node, `Unavailable` why there is none;
- `load_c4` puts shards of C4 into it as What's-In-My-Big-Data does.
"""

from support.elasticsearch_node.c4 import load_c4
from support.elasticsearch_node.installation import Unavailable
from support.elasticsearch_node.node import ElasticsearchNode

__all__ = ["ElasticsearchNode", "Unavailable", "load_c4"]
