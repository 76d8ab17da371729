"""Files that only their owner may read, whatever the umask says and whatever lay there before."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from airflow_profile_provider.errors import ProfileError

_BESIDE = ("-wal", "-shm", "-journal")


def keep_database_private(path: str, *, make: bool) -> None:
    """Make an SQLite file before SQLite does, so that nobody else may read it, or what SQLite lays beside it.

    One that is there and belongs to us is closed to others; its group keeps what it has only where it may
    write, for then somebody has shared the file with it on purpose.
    """
    if make:
        with suppress(OSError):  # whatever is wrong with the path, SQLite says so
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    for name in (path, *(path + ending for ending in _BESIDE)):
        with suppress(OSError):
            _close_to_others(Path(name))


def _close_to_others(path: Path) -> None:
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    kept = 0o770 if mode & stat.S_IWGRP else 0o700
    if stat.S_ISREG(found.st_mode) and mode & ~kept & 0o777 and found.st_uid == os.geteuid():
        path.chmod(mode & kept)


@contextmanager
def room_for(what: str, error: type[ProfileError]) -> Iterator[None]:
    """Say which temporary file of Python's cannot be written, and what to do, in an error of that type."""
    try:
        yield
    except OSError as failure:
        raise error(_no_room(what, failure.strerror, "TMPDIR")) from None


class PrivateDatabase:
    """A database in a file of its own without a name, which it gets once it does not fit into memory.

    Without room for that, ``error`` is raised, naming ``what`` it holds.
    """

    def __init__(self, what: str, error: type[ProfileError]) -> None:
        self._database = sqlite3.connect("")
        self._what = what
        self._error = error

    def execute(self, statement: str, values: Any = ()) -> sqlite3.Cursor:
        """Run a statement."""
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as failure:
            raise self._error(_no_room(self._what, failure, "SQLITE_TMPDIR")) from None

    def executemany(self, statement: str, values: Iterable[Any]) -> sqlite3.Cursor:
        """Run a statement for each of many values."""
        try:
            return self._database.executemany(statement, values)
        except sqlite3.Error as failure:
            raise self._error(_no_room(self._what, failure, "SQLITE_TMPDIR")) from None

    def close(self) -> None:
        """Forget what it holds."""
        self._database.close()


def _no_room(what: str, why: object, setting: str) -> str:
    return (
        f"the temporary file of the {what} cannot be written ({why}): make room in the folder of "
        f"temporary files, or set {setting}"
    )
