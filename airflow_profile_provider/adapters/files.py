"""Files where Airflow finds them, local or on object storage, and what tells whether one has changed."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, cast

from airflow_profile_provider.errors import ConfigurationError, OutputFailed


def open_file(path: str, mode: str) -> IO[bytes]:
    """Open a local path, or a URI through Airflow's object storage; what is written locally is private."""
    if "://" in path:
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        try:
            return cast("IO[bytes]", ObjectStoragePath(path).open(mode))  # type: ignore[no-untyped-call]
        except (ImportError, ValueError) as error:
            raise no_file_system(path, error) from None
    local = Path(path)
    if mode == "rb":
        return local.open("rb")
    local.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(_private(local), "wb")


def _private(path: Path) -> int:
    """Open a file for its owner alone, whatever lay there before, and return its descriptor.

    Who could read what lay there, by its mode or because it is open elsewhere, has no part in the new one. A
    link is refused: its other end may be anybody's.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW
    try:
        before = path.lstat()
    except FileNotFoundError:
        return os.open(path, flags | os.O_EXCL, 0o600)
    if stat.S_ISLNK(before.st_mode):
        raise OSError(errno.ELOOP, "It is a symbolic link, and values are not written to links")
    if stat.S_ISREG(before.st_mode):
        with suppress(PermissionError):  # a folder that takes no new file: the one that is there is shut
            path.unlink()
            return os.open(path, flags | os.O_EXCL, 0o600)
    descriptor = os.open(path, flags | os.O_TRUNC, 0o600)
    try:
        if stat.S_ISREG(before.st_mode):
            os.fchmod(descriptor, 0o600)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def try_out(path: str) -> None:
    """Make sure that a file can be written, and leave nothing behind; what lies there is not touched.

    Raises:
        ConfigurationError: it cannot, whoever tries again.
        OutputFailed: there is no room for it now.
    """
    if "://" in path:
        _file_system(path)
        return
    local = Path(path)
    try:
        _try_locally(local)
    except OSError as error:
        words = error.strerror or type(error).__name__
        problem = f"{path} cannot be written ({words})"
        if error.errno in _NO_ROOM:
            raise OutputFailed(f"{problem}: make room for it; nothing was sent") from None
        raise ConfigurationError(f"{problem}: give another path, or correct it; nothing was sent") from None
    except ValueError:
        raise ConfigurationError("a path cannot contain a null character; nothing was sent") from None


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO})


def _try_locally(path: Path) -> None:
    made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "It is a folder")
        if path.is_symlink():
            raise OSError(errno.ELOOP, "It is a symbolic link, and values are not written to links")
        if path.exists():
            if not path.is_file():
                return  # a device or a pipe
            os.close(os.open(path, os.O_WRONLY | os.O_NOFOLLOW))
            if not _may_replace(path):
                return
        trial = path.with_name(f"{path.name}.new")  # the name under which a file's successor is written
        trial.unlink(missing_ok=True)
        trial_file = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(trial_file, b" " * 4096)
            os.fsync(trial_file)
        finally:
            os.close(trial_file)
            trial.unlink()
    finally:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()


def _may_replace(path: Path) -> bool:
    """Whether a file may be taken away by this user.

    Raises:
        PermissionError: neither that, nor can it be made private.
    """
    folder, file, user = path.parent.stat(), path.stat(), os.geteuid()
    is_shared = folder.st_mode & stat.S_ISVTX and user not in {0, folder.st_uid, file.st_uid}
    if os.access(path.parent, os.W_OK) and not is_shared:
        return True
    if user not in {0, file.st_uid}:
        raise PermissionError(errno.EPERM, "It belongs to another user, who could read it")
    return False


def _file_system(path: str) -> None:
    """Look up the file system of an address, as opening it will."""
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    try:
        ObjectStoragePath(path).fs  # noqa: B018 -- looking is what finds out
    except Exception as error:  # noqa: BLE001 -- each file system has its own
        raise no_file_system(path, error) from None


_PROVIDERS = {
    "s3": "apache-airflow-providers-amazon[s3fs]",
    "s3a": "apache-airflow-providers-amazon[s3fs]",
    "gs": "apache-airflow-providers-google",
    "gcs": "apache-airflow-providers-google",
    "abfs": "apache-airflow-providers-microsoft-azure",
    "abfss": "apache-airflow-providers-microsoft-azure",
    "adl": "apache-airflow-providers-microsoft-azure",
}
"""What to install for an address of object storage."""


def no_file_system(path: str, error: Exception) -> ConfigurationError:
    """Return the error of an address that nothing opens, without its words, which can hold secrets."""
    name = type(error).__name__
    scheme = path.partition("://")[0].lower()
    package = _PROVIDERS.get(scheme)
    remedy = (
        f"pip install '{package}'" if package else f"install the Airflow provider that brings {scheme}://"
    )
    return ConfigurationError(f"{path}: no file system for this address ({name}); {remedy}")


def is_path(records: Any) -> bool:
    """Whether records names a file: a text, a path, or an ObjectStoragePath.

    What a class has counts, not what an object has: a data frame may have a column of the name "open".
    """
    return isinstance(records, str | os.PathLike) or hasattr(type(records), "open")


def address_of(records: Any) -> str:
    """Return a path as text; an ObjectStoragePath's keeps the connection that it is read through."""
    text, conn_id = str(records), getattr(records, "conn_id", None)
    scheme, separator, rest = text.partition("://")
    known = not conn_id or not separator or rest.startswith(f"{conn_id}@")
    return text if known else f"{scheme}://{conn_id}@{rest}"


def state_of(path: str) -> str | None:
    """Return what changes when a file does: size and time of change, or etag; None: it cannot be told."""
    try:
        if "://" not in path:
            found = Path(path).stat()
            return f"{path} {found.st_size} {found.st_mtime_ns}"
        from airflow.providers.common.compat.sdk import ObjectStoragePath

        remote: Any = ObjectStoragePath(path).stat()
        marks = [remote.get(name) for name in ("ETag", "etag", "mtime", "LastModified", "updated")]
        return f"{path} {remote.st_size} {marks}" if any(marks) else None
    except Exception:  # noqa: BLE001 -- each storage has its own; whoever reads the file says what is wrong
        return None
