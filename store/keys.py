"""Make every name that the service uses in Redis: keys, the channel of changes, and the names of queues.

All of them begin with the namespace and a colon. No namespace contains a colon, so two services with different
namespaces can share a server and have no key in common. No other file spells a key.
"""

import re
from dataclasses import dataclass

DEFAULT_NAMESPACE = "concept-orderings"


@dataclass(frozen=True)
class Keys:
    """The names of one service.

    Attributes
    ----------
    namespace : str
        What all names begin with; it follows the rule of `concept_orderings.url_names.URL_NAME`.
    """

    namespace: str

    @property
    def format(self) -> str:
        """The key of the format of all data under the namespace (`store.format`)."""
        return self._key("format")

    @property
    def figures(self) -> str:
        """The key of the hash of the totals of `store.figures`."""
        return self._key("figures")

    def embeddings(self, fingerprint: str, generation: int = 0) -> str:
        """Return the key of the hash of the embeddings that one encoder made, in a generation.

        That of generation 0 is the key of release 0.1.0.
        """
        return self._key("embeddings", fingerprint, *([str(generation)] if generation else []))

    @property
    def all_embeddings(self) -> str:
        """The pattern of the keys that `embeddings` makes, for SCAN."""
        return self._key("embeddings", "*")

    def embeddings_in(self, key: str) -> tuple[int, str]:
        """Return the generation and the fingerprint in a key that `embeddings` made."""
        fingerprint, _, generation = key.removeprefix(self._key("embeddings", "")).partition(":")
        return (int(generation) if generation.isdecimal() else 0), fingerprint

    def counts(self, fingerprint: str) -> str:
        """Return the key of the hash of the counts that one source gave."""
        return self._key("counts", fingerprint)

    def count_claims(self, fingerprint: str) -> str:
        """Return the key of the hash of the claims on queries of one source: a query's holder is counting it."""
        return self._key("counts", fingerprint, "claims")

    def claim_holder(self, holder: str) -> str:
        """Return the key that exists while the claims of a holder are valid."""
        return self._key("counts", "holder", holder)

    @property
    def sources(self) -> str:
        """The key of the hash of the sources that workers have reported."""
        return self._key("sources")

    @property
    def sources_reported(self) -> str:
        """The key that exists for some seconds after a worker has reported its sources."""
        return self._key("sources", "reported")

    @property
    def sources_wanted(self) -> str:
        """The key that exists for some minutes after a client has listed the sources."""
        return self._key("sources", "wanted")

    @property
    def source_reporters(self) -> str:
        """The key of the hash of the last report of each worker: its time, and the names of the worker's sources."""
        return self._key("sources", "reporters")

    @property
    def sources_asked(self) -> str:
        """The key of the time since which the API wants a report of each worker; it exists for some seconds."""
        return self._key("sources", "asked")

    # --- Runs. `kind` is the name of a `store.runs.Kind`.

    @property
    def changes(self) -> str:
        """The channel on which every change of a run is published, as the record's id and its state."""
        return self._key("run", "changes")

    def active(self, kind: str) -> str:
        """Return the key of the sorted set of the records that count towards the limit of active records."""
        return self._key("run", kind, "active")

    def last_run(self, kind: str) -> str:
        """Return the key of the number of the latest run."""
        return self._key("run", kind, "last")

    def recent(self, kind: str) -> str:
        """Return the key of the sorted set of the records that finished last, by the time in seconds."""
        return self._key("run", kind, "recent")

    def record(self, kind: str, identifier: str) -> str:
        """Return the key of the hash of one record."""
        return self._key("run", kind, "record", identifier)

    def request(self, kind: str, identifier: str) -> str:
        """Return the key of the compressed canonical request of a record; it exists while the record is pending."""
        return self._key("run", kind, "request", identifier)

    def events(self, kind: str, identifier: str) -> str:
        """Return the key of the stream of a record's changes."""
        return self._key("run", kind, "events", identifier)

    def lease(self, kind: str, identifier: str, run: int) -> str:
        """Return the key that exists while a worker holds the lease of a run; its value names the holder."""
        return self._key("run", kind, "lease", identifier, str(run))

    def waiting(self, kind: str, lane: str = "", client: str | None = None) -> str:
        """Return the key of the sorted set of the clients that have queued runs in a lane, by whose turn it is.

        With a client it is the key of the sorted set of that client's queued runs in the lane. Scripts make both from
        the key without a lane, in the same way. The key of a lane is also the channel on which a script says that runs
        wait in a lane that was empty.
        """
        return self._key("run", kind, "waiting", *([lane] if lane else []), *([] if client is None else [client]))

    def queue(self, kind: str) -> str:
        """Return the name of the Docket queue of a kind; Docket puts a colon and a name of its own after it."""
        return self._key("docket", kind)

    def _key(self, *parts: str) -> str:
        return ":".join((self.namespace, *parts))


class KeysOfRelease010:
    """The names of release 0.1.0 that have changed since, or are not used any more; only `store.upgrade` reads them.

    The names of its two queues were the namespace, and the namespace followed by ``-counts``. The patterns below match
    the keys that Docket 0.27 makes from them. They match no key of this release.

    Attributes
    ----------
    pattern : str
        The pattern of all of them, for SCAN.
    active_looks, last_look : str
        The keys of the set of active looks, and of the number of the latest run of a look.
    changes : str
        The channel to which its APIs listen.
    workers : tuple of str
        The sorted sets of the workers of its queues, by the time of their last heartbeat.
    signs : tuple of str
        Keys of which at least one exists if its programs have left anything to move. Workers read them regularly.
    """

    pattern = f"{DEFAULT_NAMESPACE}*"
    changes = f"{DEFAULT_NAMESPACE}:jobs:changes"
    workers = (f"{DEFAULT_NAMESPACE}:workers", f"{DEFAULT_NAMESPACE}-counts:workers")
    signs = (
        *workers,
        f"{DEFAULT_NAMESPACE}:stream",
        f"{DEFAULT_NAMESPACE}-counts:stream",
        f"{DEFAULT_NAMESPACE}:jobs:active",
        f"{DEFAULT_NAMESPACE}:counting:active",
    )
    active_looks = f"{DEFAULT_NAMESPACE}:counting:active"
    last_look = f"{DEFAULT_NAMESPACE}:counting:runs"

    _ID = "[0-9a-f]{32}"
    _JOB = f"{DEFAULT_NAMESPACE}:job:({_ID})"
    _LOOK = f"{DEFAULT_NAMESPACE}:counting:({_ID})"
    _PART = f"{DEFAULT_NAMESPACE}:job:({_ID}):(request|events|lease:[0-9]+)"
    _LEFT_OVER = (
        f"{DEFAULT_NAMESPACE}:(jobs:active|counting:active|sources:heard)"
        f"|{DEFAULT_NAMESPACE}(-counts)?:"
        "(stream|queue|strikes|workers|perpetual:lock"
        "|(runs|progress|known|stream-id|results|leases|task-workers|worker-tasks):.+"
        f"|{_ID}:[0-9]+)"
    )

    def job_in(self, key: str) -> str | None:
        """Return the id in the key of a job's record; None for any other key."""
        match = re.fullmatch(self._JOB, key)
        return match and match[1]

    def look_in(self, key: str) -> str | None:
        """Return the id in the key of a look's record; None for any other key."""
        match = re.fullmatch(self._LOOK, key)
        return match and match[1]

    def job_of_part(self, key: str) -> str | None:
        """Return the id in the key of a job's request, history or lease; None for any other key."""
        match = re.fullmatch(self._PART, key)
        return match and match[1]

    def is_left_over(self, key: str) -> bool:
        """Return whether a key is not needed once jobs and looks are moved."""
        return re.fullmatch(self._LEFT_OVER, key) is not None

    def job(self, identifier: str) -> str:
        """Return the key of the hash of a job."""
        return f"{DEFAULT_NAMESPACE}:job:{identifier}"

    def job_request(self, identifier: str) -> str:
        """Return the key of a job's request."""
        return f"{DEFAULT_NAMESPACE}:job:{identifier}:request"

    def job_events(self, identifier: str) -> str:
        """Return the key of the stream of a job's events."""
        return f"{DEFAULT_NAMESPACE}:job:{identifier}:events"

    def look(self, identifier: str) -> str:
        """Return the key of the hash of a look."""
        return f"{DEFAULT_NAMESPACE}:counting:{identifier}"
