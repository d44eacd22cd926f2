"""What a training job imports: read a version of a stream, check it, keep it, and use it.

::

    from concept_orderings.client import Client

    stream = Client("http://orders:8000").stream("job-1", version=1, digest="77a0a1ae…")

It needs the extra ``client``, which is httpx, beside NumPy; no PyTorch and nothing of the service.
"""

from concept_orderings.client.asking import Job
from concept_orderings.client.asynchronous import AsyncClient, AsyncStream
from concept_orderings.client.cache import CacheWarning
from concept_orderings.client.client import Client
from concept_orderings.client.documents import Concept, Manifest, Task
from concept_orderings.client.errors import (
    BadAnswer,
    BadArgument,
    ClientError,
    JobFailed,
    NotCached,
    ServiceError,
    Unavailable,
    WrongDigest,
    WrongState,
)
from concept_orderings.client.labels import StreamLabels
from concept_orderings.client.stream import Stream

__all__ = [
    "AsyncClient",
    "AsyncStream",
    "BadAnswer",
    "BadArgument",
    "CacheWarning",
    "Client",
    "ClientError",
    "Concept",
    "Job",
    "JobFailed",
    "Manifest",
    "NotCached",
    "ServiceError",
    "Stream",
    "StreamLabels",
    "Task",
    "Unavailable",
    "WrongDigest",
    "WrongState",
]
