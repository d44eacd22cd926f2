"""The file of keys: their names, scopes and hashes. Tokens are never stored.

A token has 256 random bits, so its SHA-256 is as good as a slow hash of a password: nothing can be guessed.
"""

import base64
import fcntl
import hashlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from app.access.scopes import Scope
from concept_orderings.errors import BadValue, SettingError
from concept_orderings.text import nearest, shown
from concept_orderings.url_names import URL_NAME, URL_NAME_RULE

FORMAT = 1

TOKEN_PREFIX = "co_"
"""The beginning of all tokens, by which scanners of secrets and people recognise them."""

_TOKEN_BYTES = 32


@dataclass(frozen=True)
class Key:
    """A key, without its token.

    Attributes
    ----------
    name
        Unique in the file for ever: the name of a revoked key is not given again, because streams may belong to it.
    scope
        What it allows.
    sha256
        SHA-256 of the token, in hexadecimal digits.
    created_at, revoked_at
        Times in UTC, such as ``2026-01-31T12:00:00Z``; `revoked_at` is None while the key counts.
    """

    name: str
    scope: Scope
    sha256: str
    created_at: str
    revoked_at: str | None = None

    @property
    def is_revoked(self) -> bool:
        """Whether the key no longer counts."""
        return self.revoked_at is not None


def token_hash(token: str) -> str:
    """Return what the file holds of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


class KeysFile:
    """A file of keys, which other processes may change at any time.

    Parameters
    ----------
    path
        The file. It is replaced as a whole at each change, so readers see the old keys or the new ones.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state: tuple[int, ...] = ()
        self._by_hash: Mapping[str, Key] = MappingProxyType({})

    def by_hash(self) -> Mapping[str, Key]:
        """Return the keys by the hashes of their tokens: the same object until the file changes.

        It asks the file system each time, so that a change counts at once.

        Raises
        ------
        SettingError
            ``bad_keys_file``: the file cannot be read, or holds something else.
        """
        try:
            found = self.path.stat()
        except OSError as error:
            raise self._unreadable(error) from error
        state = (found.st_mtime_ns, found.st_ino, found.st_size)
        if state != self._state:
            self._by_hash = MappingProxyType({key.sha256: key for key in self.read()})
            self._state = state
        return self._by_hash

    def read(self) -> list[Key]:
        """Return all keys in the order in which they were created.

        Raises
        ------
        SettingError
            ``bad_keys_file``.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            return _keys_in(json.loads(data))
        except (ValueError, TypeError, KeyError) as error:
            raise SettingError(
                "bad_keys_file",
                f"The file of keys {self.path} holds no keys ({error}). Make it with `concept-orderings keys create`.",
            ) from error

    def create(self, name: str, scope: Scope) -> str:
        """Add a key; return its token, which is not kept anywhere.

        Raises
        ------
        BadValue
            ``bad_key_name``; ``key_exists``, also if the key of this name is revoked; ``bad_file`` if the file cannot
            be written.
        SettingError
            ``bad_keys_file``.
        """
        if not URL_NAME.fullmatch(name):
            raise BadValue("bad_key_name", f"The name of a key {URL_NAME_RULE}; {shown(name)} does not.")
        token = TOKEN_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(_TOKEN_BYTES)).rstrip(b"=").decode()
        with self._changing(may_be_missing=True) as keys:
            for each in keys:
                if each.name == name:
                    what = "was revoked, and its name is not given again" if each.is_revoked else "exists"
                    raise BadValue("key_exists", f"A key {shown(name)} {what}; choose another name.")
            keys.append(Key(name, scope, token_hash(token), _now()))
        return token

    def revoke(self, name: str) -> Key:
        """Let a key count no longer; return it. A key that was revoked before stays as it is.

        Raises
        ------
        BadValue
            ``unknown_key``, or ``bad_file`` if the file cannot be written.
        SettingError
            ``bad_keys_file``.
        """
        with self._changing() as keys:
            for i, each in enumerate(keys):
                if each.name == name:
                    keys[i] = each if each.is_revoked else replace(each, revoked_at=_now())
                    return keys[i]
            near = nearest(name, [each.name for each in keys])
            hint = f" Did you mean {shown(near)}?" if near else ""
            raise BadValue("unknown_key", f"There is no key {shown(name)} in {self.path}.{hint}")

    @contextmanager
    def _changing(self, *, may_be_missing: bool = False) -> Iterator[list[Key]]:
        """Give the keys to change, and write them if the block ends without an error; one process at a time."""
        try:
            # A lock file of its own: the file itself is replaced.
            with Path(f"{self.path}.lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = [] if may_be_missing and not self.path.exists() else self.read()
                before = list(keys)
                yield keys
                if keys != before:
                    self._write(keys)
        except OSError as error:
            raise BadValue("bad_file", f"The file of keys {self.path} cannot be written: {error.strerror}.") from error

    def _write(self, keys: Sequence[Key]) -> None:
        text = json.dumps({"format": FORMAT, "keys": [asdict(each) for each in keys]}, indent=2) + "\n"
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(descriptor, "w") as file:
                if self.path.exists():
                    # The service may run as another user, who was given the file.
                    _keep_owner(descriptor, self.path.stat())
                file.write(text)
                file.flush()
                os.fsync(descriptor)
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink()
            raise

    def _unreadable(self, error: OSError) -> SettingError:
        return SettingError(
            "bad_keys_file",
            f"The file of keys {self.path} cannot be read: {error.strerror}. Make it with `concept-orderings keys "
            "create`, or unset CONCEPT_ORDERINGS_KEYS.",
        )


def _keep_owner(descriptor: int, found: os.stat_result) -> None:
    os.fchmod(descriptor, found.st_mode & 0o777)
    if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, found.st_uid, found.st_gid)


def _keys_in(value: Any) -> list[Key]:
    if value["format"] != FORMAT:
        raise ValueError(f"it has the format {value['format']}, and this release reads {FORMAT}")
    keys = [Key(**{**each, "scope": Scope(each["scope"])}) for each in value["keys"]]
    if not all(isinstance(text, str) for each in keys for text in (each.name, each.sha256)):
        raise ValueError("a name or a hash is no text")
    if len({each.name for each in keys}) != len(keys):
        raise ValueError("two keys have one name")
    return keys


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
