"""Files that only their owner may read, whatever the umask says and whatever lay there before."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

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
