"""Documents that contain a phrase, counted by Elasticsearch.

- `ElasticsearchSettings` names an index and how it is searched; its `open` returns an `ElasticsearchSource`;
- `searches` writes the searches, `answers` reads a count from the answer to one, `batches` sends many of them;
- `patience` decides when a request is repeated, and `server` turns the errors of the official client into reasons.
"""

from worker.evidence.counts.elasticsearch.settings import ElasticsearchSettings
from worker.evidence.counts.elasticsearch.source import ElasticsearchSource

__all__ = ["ElasticsearchSettings", "ElasticsearchSource"]
