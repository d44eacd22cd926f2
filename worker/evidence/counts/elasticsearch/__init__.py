"""Documents that contain a phrase, counted by Elasticsearch.

- `ElasticsearchSettings` says which index, and how it is asked; its `open` gives an `ElasticsearchSource`;
- `searches` is the questions, `answers` what is a count and what is only part of one;
- `patience` is when a question is asked again, and `server` the official client behind one rule of errors.
"""

from worker.evidence.counts.elasticsearch.settings import ElasticsearchSettings
from worker.evidence.counts.elasticsearch.source import ElasticsearchSource

__all__ = ["ElasticsearchSettings", "ElasticsearchSource"]
