"""Files where Airflow finds them, local or on object storage, and what tells one source from another."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from airflow_profile_provider.errors import ConfigurationError


def open_file(path: str, mode: str) -> IO[bytes]:
    """Open a local path, or a URI through Airflow's object storage; what is written locally is private."""
    if "://" in path:
        from airflow.sdk import ObjectStoragePath

        try:
            return cast("IO[bytes]", ObjectStoragePath(path).open(mode))  # type: ignore[no-untyped-call]
        except (ImportError, ValueError) as error:
            raise ConfigurationError(f"{path}: no file system for this address ({error})") from None
    local = Path(path)
    if mode == "rb":
        return local.open("rb")
    local.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(local, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def is_path(records: Any) -> bool:
    """Whether records names a file: a text, a path, or an ObjectStoragePath."""
    return isinstance(records, str | os.PathLike) or hasattr(records, "open")


def fingerprint(records: Any, options: Mapping[str, Any]) -> str | None:
    """Return what changes when the source or the options do; None where a source cannot be told apart.

    Of a file, size and time of change (or etag) count; of a list, its content.
    """
    digest = hashlib.sha256(repr(sorted(options.items())).encode())
    if is_path(records):
        seen = _seen(str(records))
        if seen is None:
            return None
        digest.update(seen.encode())
    elif isinstance(records, Sequence):
        try:
            for record in records:
                digest.update(json.dumps(record, default=str).encode("utf-8", "surrogatepass") + b"\n")
        except (TypeError, ValueError, RecursionError):
            return None
    else:
        return None
    return digest.hexdigest()


def _seen(path: str) -> str | None:
    try:
        if "://" not in path:
            found = Path(path).stat()
            return f"{path} {found.st_size} {found.st_mtime_ns}"
        from airflow.sdk import ObjectStoragePath

        remote: Any = ObjectStoragePath(path).stat()
        marks = [remote.get(name) for name in ("ETag", "etag", "mtime", "LastModified", "updated")]
        return f"{path} {remote.st_size} {marks}" if any(marks) else None
    except (OSError, ImportError, ValueError, AttributeError):
        return None
