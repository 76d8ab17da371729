"""Files as they were before they were compressed, told by the ending of their names."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO, Any, cast

from airflow_profile_provider.errors import ConfigurationError


def _gzip(raw: IO[bytes]) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=raw, mode="rb")


def _bz2(raw: IO[bytes]) -> Any:
    import bz2

    return bz2.BZ2File(raw)


def _xz(raw: IO[bytes]) -> Any:
    import lzma

    return lzma.LZMAFile(raw)


def _zstd(raw: IO[bytes]) -> Any:
    """Read by what is there: Python from 3.14 on, its backport, or Arrow.

    Each of them knows frames that follow each other, and tells a file that was cut off from one that ends;
    the reader of the package ``zstandard`` does not.
    """
    import importlib

    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name).ZstdFile(raw)
        except ImportError:
            continue
    import pyarrow as pa

    return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")


_READERS: dict[str, tuple[Callable[[IO[bytes]], Any], str]] = {
    ".gz": (_gzip, "needs a Python that is built with zlib"),
    ".bz2": (_bz2, "needs a Python that is built with bz2"),
    ".xz": (_xz, "needs a Python that is built with lzma"),
    ".zst": (_zstd, "needs a reader of zstd: pip install 'airflow-profile-provider[zstd]'"),
}
PACKINGS = tuple(_READERS)
"""Endings of compressed files."""


def packing_of(path: str) -> str:
    """Return the ending by which a name says that its file is compressed; empty where it is not."""
    lower = path.lower()
    return next((ending for ending in PACKINGS if lower.endswith(ending)), "")


def bare(path: str) -> str:
    """Return a file's name in small letters, without the ending that says that it is compressed."""
    return path.lower().removesuffix(packing_of(path))


def unpacked(path: str, raw: IO[bytes]) -> IO[bytes]:
    """Return a file as it was before it was compressed, if its name says that it was.

    Raises:
        ConfigurationError: nothing here reads such a compression; it says what would.
    """
    packing = packing_of(path)
    if not packing:
        return raw
    reader, needs = _READERS[packing]
    try:
        return cast("IO[bytes]", reader(raw))
    except ImportError:
        raise ConfigurationError(f"{path}: reading {packing} {needs}") from None
