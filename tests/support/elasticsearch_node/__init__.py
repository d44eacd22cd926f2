"""A real Elasticsearch for tests, from the artifacts that Elastic publishes; README.md in this folder describes it.

- `ElasticsearchNode` is one node; `Unavailable` is raised where none can be started;
- `load_c4` adds shards of C4 to it, with the fields of What's-In-My-Big-Data.
"""

from support.elasticsearch_node.c4 import load_c4
from support.elasticsearch_node.installation import Unavailable
from support.elasticsearch_node.node import ElasticsearchNode

__all__ = ["ElasticsearchNode", "Unavailable", "load_c4"]
