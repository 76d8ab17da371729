"""Disks that are full, and folders that cannot be written, for root, too."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond so many bytes: the next one fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def blocked(folder: Path) -> Path:
    """Return a folder in which nothing can be made: there is a file in its place."""
    path = folder / "blocked"
    path.write_text("a file where a folder is wanted")
    return path
