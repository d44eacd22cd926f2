"""Objects by key, nearly all written once: a local directory, or any object store that `obstore` reaches by URL."""

import asyncio
import errno
import heapq
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar
from uuid import uuid4

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from concept_orderings.errors import StoreError
from store import object_keys
from store.disk_space import store_full
from store.locations import local_directory

_TEMPORARY = ".tmp"
_STALE_SECONDS = 3600.0
_LISTED_AT_ONCE = 1000
# The second: a file is in the place of a directory.
_NOT_THERE = (FileNotFoundError, NotADirectoryError)

_PROBE = bytes(4096)
"""What `Objects.check_writable` writes: a block of a disk."""
_PROCESS = uuid4().int
"""Tells the probes of this process from those of others in a bucket, which may limit the writes of one object."""

_Result = TypeVar("_Result")

_log = logging.getLogger(__name__)


class Entry(NamedTuple):
    """An object of a store.

    Attributes
    ----------
    key : str
    modified : float
        When it was written, in seconds since 1970.
    """

    key: str
    modified: float


class Objects(Protocol):
    """Bytes by key; keys are relative paths with forward slashes.

    Objects are created and never changed, but for hints, and for those that are damaged: these are replaced.
    """

    async def get(self, key: str) -> bytes | None:
        """Return an object, or None if no object has that key.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """

    async def create(self, key: str, data: bytes) -> bool:
        """Store an object durably unless the key is taken; return whether it was stored.

        Of several writers of one key exactly one gets True, and readers see the whole object or none.

        Raises
        ------
        StoreError
            ``store_full`` or ``store_unavailable``; readers never see a part of the object.
        """

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Store an object in the place of the one that has the key, if there is one.

        Readers see the whole old object or the whole new one.

        Parameters
        ----------
        key, data
            The object.
        durable
            Whether to wait until it is on disk. Without that, a power failure may leave any bytes.

        Raises
        ------
        StoreError
            ``store_full`` or ``store_unavailable``.
        """

    async def remove(self, key: str) -> None:
        """Remove an object; do nothing if there is none.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        """Return the sorted names directly below a prefix, both of objects and of longer prefixes.

        Parameters
        ----------
        prefix
            Without the slash at its end.
        after
            Only names that are larger than this one.
        most
            Return the first names alone, that many. A bucket is then read no further, so the prefix must be one that
            has objects alone.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """

    async def check_writable(self) -> None:
        """Write a few bytes as `create` does, and leave no object.

        Raises
        ------
        StoreError
            ``store_full`` or ``store_unavailable``.
        """

    def remove_leftovers(self) -> None:
        """Remove temporary files that writers left when they were killed; blocks for as long as that takes."""


class WholeStore(Objects, Protocol):
    """Objects by key, of which all can be listed."""

    async def entries(self) -> list[Entry]:
        """Return all objects by key, sorted; not the temporary files of writers.

        Raises
        ------
        StoreError
            ``store_unavailable``.
        """


async def at_once(function: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call a function here, where `asyncio.to_thread` would call it on another thread."""
    return function(*arguments)


def open_objects(location: str, *, blocking: bool = False) -> WholeStore:
    """Open the store at a directory or URL, such as ``s3://bucket/prefix``.

    Parameters
    ----------
    location
        The directory or URL.
    blocking
        Whether files may be read and written on the thread of the caller, whose event loop then waits. It takes a
        fraction of the processor time, and is for a thread that does nothing else.

    Raises
    ------
    StoreError
        ``store_unavailable`` if the URL cannot be used.
    """
    if (directory := local_directory(location)) is not None:
        return LocalObjects(directory, blocking=blocking)
    try:
        return RemoteObjects(from_url(location))
    except (BaseError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise _unavailable(f"cannot open {location.split('?', maxsplit=1)[0]}: {reason}") from error


class LocalObjects:
    """Objects as files below a directory.

    obstore's own local store is not used, because it does not fsync: a power cut could lose a version whose number a
    client already has. A file is written under a temporary name, synced, then linked to its key; a link fails if the
    name is taken.
    """

    def __init__(self, root: Path, *, blocking: bool = False) -> None:
        self._root = root
        self._call = at_once if blocking else asyncio.to_thread

    async def get(self, key: str) -> bytes | None:
        """See `Objects.get`."""
        return await self._call(self._get, key)

    async def create(self, key: str, data: bytes) -> bool:
        """See `Objects.create`."""
        return await self._call(self._create, key, data)

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """See `Objects.replace`."""
        await self._call(self._replace, key, data, durable)

    async def remove(self, key: str) -> None:
        """See `Objects.remove`."""
        await asyncio.to_thread(self._remove, key)

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        """See `Objects.names`."""
        return await self._call(self._names, prefix, after, most)

    async def entries(self) -> list[Entry]:
        """See `Objects.entries`."""
        return await self._call(self._entries)

    async def check_writable(self) -> None:
        """See `Objects.check_writable`."""
        await self._call(self._check_writable)

    def remove_leftovers(self) -> None:
        """See `Objects.remove_leftovers`: files older than an hour, since younger ones may still be written."""
        for file in (self._root / _TEMPORARY).glob("*"):
            try:
                if time.time() - file.stat().st_mtime > _STALE_SECONDS:
                    file.unlink()
            except FileNotFoundError:  # its writer, or another program that cleans up, has just removed it
                continue

    def _get(self, key: str) -> bytes | None:
        try:
            return (self._root / key).read_bytes()
        except _NOT_THERE:
            return None
        except OSError as error:
            raise _failed(error) from error

    def _create(self, key: str, data: bytes) -> bool:
        path = self._root / key
        try:
            _make_directory(self._root / _TEMPORARY)
            _make_directory(path.parent)
            created = not path.exists() and _link_new(path, data, self._root / _TEMPORARY)
            # Also for an object that existed before: its writer may have died before the directory was synced.
            _sync_directory(path.parent)
        except OSError as error:
            raise _failed(error) from error
        return created

    def _check_writable(self) -> None:
        try:
            _make_directory(self._root / _TEMPORARY)
            descriptor, name = tempfile.mkstemp(dir=self._root / _TEMPORARY)
            try:
                os.write(descriptor, _PROBE)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                Path(name).unlink()
        except OSError as error:
            raise _failed(error) from error

    def _replace(self, key: str, data: bytes, durable: bool) -> None:
        path = self._root / key
        try:
            _make_directory(self._root / _TEMPORARY)
            _make_directory(path.parent)
            with _written(data, self._root / _TEMPORARY, durable=durable) as name:
                Path(name).replace(path)
            if durable:
                _sync_directory(path.parent)
        except OSError as error:
            raise _failed(error) from error

    def _entries(self) -> list[Entry]:
        found: list[Entry] = []
        for folder, folders, names in os.walk(self._root):
            if _TEMPORARY in folders:
                folders.remove(_TEMPORARY)
            for name in names:
                path = Path(folder, name)
                with suppress(*_NOT_THERE):
                    found.append(Entry(path.relative_to(self._root).as_posix(), path.stat().st_mtime))
        return sorted(found)

    def _remove(self, key: str) -> None:
        path = self._root / key
        try:
            path.unlink()
            _sync_directory(path.parent)
        except _NOT_THERE:
            return
        except OSError as error:
            raise _failed(error) from error

    def _names(self, prefix: str, after: str, most: int | None) -> list[str]:
        try:
            with os.scandir(self._root / prefix) as entries:
                found = [each.name for each in entries if each.name > after and each.name != _TEMPORARY]
            return sorted(found) if most is None else heapq.nsmallest(most, found)
        except _NOT_THERE:
            return []
        except OSError as error:
            raise _failed(error) from error


class RemoteObjects:
    """Objects in a bucket; creation is a conditional put, which S3, GCS and Azure have."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    async def get(self, key: str) -> bytes | None:
        """See `Objects.get`."""
        try:
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())
        except (NotFoundError, FileNotFoundError):
            return None
        except BaseError as error:
            raise _refused(error) from error

    async def create(self, key: str, data: bytes) -> bool:
        """See `Objects.create`."""
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        except BaseError as error:
            raise _refused(error) from error
        return True

    async def replace(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """See `Objects.replace`: each put waits until the bytes are kept."""
        try:
            await obstore.put_async(self._store, key, data, mode="overwrite")
        except BaseError as error:
            raise _refused(error) from error

    async def remove(self, key: str) -> None:
        """See `Objects.remove`."""
        try:
            await obstore.delete_async(self._store, key)
        except (NotFoundError, FileNotFoundError):
            return
        except BaseError as error:
            raise _refused(error) from error

    async def names(self, prefix: str, *, after: str = "", most: int | None = None) -> list[str]:
        """See `Objects.names`."""
        if most is not None:
            return await self._first_names(prefix.rstrip("/") + "/", after, most)
        try:
            found = await obstore.list_with_delimiter_async(self._store, prefix.rstrip("/") + "/")
        except BaseError as error:
            raise _refused(error) from error
        paths = [each["path"] for each in found["objects"]] + list(found["common_prefixes"])
        names = (path.rstrip("/").rsplit("/", 1)[-1] for path in paths)
        return sorted(name for name in names if name > after)

    async def _first_names(self, prefix: str, after: str, most: int) -> list[str]:
        """Return names of objects; S3 and the like list keys in their order, and from a key on."""
        found: list[str] = []
        try:
            offset = prefix + after if after else None
            async for chunk in obstore.list(self._store, prefix, offset=offset, chunk_size=min(most, _LISTED_AT_ONCE)):
                found += (each["path"].removeprefix(prefix) for each in chunk)
                if len(found) >= most:
                    break
        except BaseError as error:
            raise _refused(error) from error
        return found[:most]

    async def entries(self) -> list[Entry]:
        """See `Objects.entries`."""
        found: list[Entry] = []
        try:
            async for chunk in obstore.list(self._store, chunk_size=_LISTED_AT_ONCE):
                found += (Entry(each["path"], each["last_modified"].timestamp()) for each in chunk)
        except BaseError as error:
            raise _refused(error) from error
        return sorted(found)

    async def check_writable(self) -> None:
        """See `Objects.check_writable`; the object is one of `object_keys.probe`, which is written again each time."""
        try:
            await obstore.put_async(self._store, object_keys.probe(_PROCESS), _PROBE)
        except BaseError as error:
            raise _refused(error) from error

    def remove_leftovers(self) -> None:
        """See `Objects.remove_leftovers`: a conditional put leaves none."""


def _link_new(path: Path, data: bytes, temporary: Path) -> bool:
    with _written(data, temporary, durable=True) as name:
        try:
            os.link(name, path)
        except FileExistsError:
            return False
    return True


@contextmanager
def _written(data: bytes, temporary: Path, *, durable: bool) -> Iterator[str]:
    """Write a temporary file, which is removed at the end unless it was renamed; yield its path."""
    descriptor, name = tempfile.mkstemp(dir=temporary)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            if durable:
                os.fsync(file.fileno())
        yield name
    finally:
        Path(name).unlink(missing_ok=True)


def _make_directory(path: Path) -> None:
    """Create a directory durably: its entry is on disk only once its parent directory is synced."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(exist_ok=True)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(error: OSError) -> StoreError:
    """Return the error for a file that cannot be read or written; its path goes to the log alone."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return store_full("a file could not be written")
    _log.error("the store of stream versions: %s", error)
    return _unavailable(error.strerror or type(error).__name__)


def _refused(error: BaseError) -> StoreError:
    """Return the error for a bucket that cannot be read or written; its address goes to the log alone."""
    _log.error("the store of stream versions: %s", error)
    return _unavailable(f"the bucket does not do what it was asked ({type(error).__name__}); the log says more")


def _unavailable(reason: str) -> StoreError:
    return StoreError("store_unavailable", f"The store of stream versions cannot be used: {reason}.")
