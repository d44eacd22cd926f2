"""A full-text index of local C4 shards, which counts the documents that contain a name.

- `build_index` reads shards of JSON lines and publishes each one when it is finished;
- `LocalIndex` counts documents in a published index;
- `tokens` has the rule by which texts and names are cut into tokens, `cutting` applies it to many texts at once, and
  `cutters` does that in several processes;
- `shards` reads C4's files, and `layout` reads and writes the files of an index.
"""

from worker.evidence.local_index.build import build_index
from worker.evidence.local_index.layout import IndexSummary, Shard
from worker.evidence.local_index.reader import LocalIndex

__all__ = ["IndexSummary", "LocalIndex", "Shard", "build_index"]
