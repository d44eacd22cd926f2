"""A full-text index of local C4 shards, and the number of its documents that contain a name.

- `build_index` reads shards of JSON lines and publishes each as it is finished;
- `LocalIndex` counts documents in what is published;
- `tokens` is the one rule by which texts and names are cut into tokens, `cutting` does it for many at once, and
  `cutters` does that in processes of their own;
- `shards` reads C4's files, `layout` is what an index looks like on disk.
"""

from worker.evidence.local_index.build import build_index
from worker.evidence.local_index.layout import IndexSummary, Shard
from worker.evidence.local_index.reader import LocalIndex

__all__ = ["IndexSummary", "LocalIndex", "Shard", "build_index"]
