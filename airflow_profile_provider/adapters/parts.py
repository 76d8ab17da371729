"""A folder or a pattern of files as one source: which files are its parts, local or on object storage."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from glob import glob
from pathlib import Path
from typing import Any, Protocol

from airflow_profile_provider.adapters.files import no_file_system
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.reading import source_errors

_PATTERN = re.compile(r"[*?]|\[[^\]]+\]")
_TABLES = {"_delta_log": "Delta", ".hoodie": "Hudi"}


class _Storage(Protocol):
    """Where a path leads; names are as it gives them, and ``base`` is what they begin with."""

    def is_file(self, name: str) -> bool: ...

    def is_folder(self, name: str) -> bool: ...

    def matching(self, pattern: str) -> Iterable[str]: ...

    def under(self, folder: str) -> Iterable[str]: ...

    def own(self, path: str) -> str:
        """Return a path as the storage writes it."""


class _Local:
    """The worker's own files."""

    is_file = staticmethod(os.path.isfile)
    is_folder = staticmethod(os.path.isdir)

    def matching(self, pattern: str) -> Iterable[str]:
        return glob(pattern, recursive=True)  # noqa: PTH207 -- a pattern may be absolute

    def under(self, folder: str) -> Iterable[str]:
        return (str(Path(where, name)) for where, _, names in os.walk(folder) for name in names)

    def own(self, path: str) -> str:
        return path


class _Remote:
    """What Airflow's object storage reaches by a URI."""

    def __init__(self, path: str) -> None:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        self._path_of: Any = ObjectStoragePath
        self._files: Any = self._path_of(path).fs

    def is_file(self, name: str) -> bool:
        return bool(self._files.isfile(name))

    def is_folder(self, name: str) -> bool:
        return bool(self._files.isdir(name))

    def matching(self, pattern: str) -> Iterable[str]:
        found: list[str] = self._files.glob(pattern)
        return found

    def under(self, folder: str) -> Iterable[str]:
        found: list[str] = self._files.find(folder)
        return found

    def own(self, path: str) -> str:
        return str(self._files._strip_protocol(self._path_of(path).path))


def parts_of(path: str) -> list[str]:
    """Return the files that a path stands for, in the order of their names.

    A folder or a pattern (``*``, ``?``, ``[…]``) stands for the files in it, also those deeper down, but for
    those that are no records: hidden ones, those that begin with an underscore, checksums.

    Raises:
        ConfigurationError: nothing opens the address.
        SourceError: the folder cannot be read, is being written, or is a table whose files are not all of it.
    """
    with source_errors(path):
        found = _names(path)
    if found is None:
        return [path]
    base, names = found
    _refuse_unfinished(path, names)
    return [f"{base}{name}" for name in sorted(names) if not _is_mark(name)]


def _names(path: str) -> tuple[str, set[str]] | None:
    """Return a folder's address, and the names in it that are meant; None where the path is a file's."""
    try:
        storage: _Storage = _Remote(path) if "://" in path else _Local()
        own = storage.own(path)
    except (ImportError, ValueError) as error:
        raise no_file_system(path, error) from None
    pattern = _PATTERN.search(path)
    if "\0" in path or storage.is_file(own):
        return None
    if storage.is_folder(own):
        base, found = path.rstrip("/") + "/", [own]
    elif pattern:
        base, found = path[: path.rfind("/", 0, pattern.start()) + 1], list(storage.matching(own))
    else:
        return None
    start = storage.own(base).rstrip("/") + "/" if base else ""
    names: set[str] = set()
    for each in found:
        names.update(storage.under(each) if storage.is_folder(each) else [each])
    return base, {name.removeprefix(start) for name in names}


def _is_mark(name: str) -> bool:
    """Whether a file's name, or that of a folder around it, says that it holds no records."""
    parts = name.split("/")
    hidden = any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in parts)
    return hidden or name.lower().endswith(".crc")


def _refuse_unfinished(path: str, names: Iterable[str]) -> None:
    parts = {part for name in names for part in name.split("/")}
    if "_temporary" in parts and "_SUCCESS" not in parts:
        raise SourceError(f"{path} is still being written (_temporary is in it); push it once it is whole")
    for mark, kind in _TABLES.items():
        if mark in parts:
            raise SourceError(
                f"{path} is a {kind} table, some of whose files may be out of date; read it by a query, or "
                "export it"
            )
