"""``concept-orderings keys``: make, list and revoke the keys of a service."""

import argparse
from pathlib import Path

from app.access.keys_file import Key, KeysFile
from app.access.scopes import Scope
from app.settings import AppSettings
from concept_orderings.cli.terminal import say
from concept_orderings.cli.usage import UsageError
from store.settings import read_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the three actions and the file."""
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key, and print its token on the last line")
    create.add_argument(
        "name", metavar="NAME", help="of a person, a team or a job; it stands beside what the key makes"
    )
    create.add_argument(
        "--scope",
        required=True,
        choices=[str(each) for each in Scope],
        help="read: fetch everything; write: also order, upload and cancel; admin: also what belongs to other keys",
    )
    revoke = actions.add_parser("revoke", help="let a key count no longer")
    revoke.add_argument("name", metavar="NAME")
    listing = actions.add_parser("list", help="list the keys, without their tokens")
    for action, act in ((create, _create), (revoke, _revoke), (listing, _list)):
        action.add_argument("--file", type=Path, help="the file of keys (default: the setting CONCEPT_ORDERINGS_KEYS)")
        action.set_defaults(act=act)


def run(options: argparse.Namespace) -> int:
    """Do one action on the file of keys; a running service reads it anew at once.

    Raises
    ------
    UsageError
        No file is given and none is set.
    BadValue, SettingError
        See `KeysFile`.
    """
    path = options.file or read_settings(AppSettings).access_keys
    if path is None:
        raise UsageError(["no file of keys: give one with --file, or set CONCEPT_ORDERINGS_KEYS"])
    options.act(KeysFile(path), options)
    return 0


def _create(keys: KeysFile, options: argparse.Namespace) -> None:
    token = keys.create(options.name, Scope(options.scope))
    say(f"The key {options.name} ({options.scope}) is in {keys.path}. Its token is shown only now:")
    print(token)


def _revoke(keys: KeysFile, options: argparse.Namespace) -> None:
    key = keys.revoke(options.name)
    print(f"{key.name} counts no longer, since {key.revoked_at}")


def _list(keys: KeysFile, options: argparse.Namespace) -> None:
    rows = [("name", "scope", "created", "revoked"), *(_row(each) for each in keys.read())]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(key: Key) -> tuple[str, ...]:
    return key.name, key.scope, key.created_at, key.revoked_at or ""
