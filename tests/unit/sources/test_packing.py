"""Compressed files: read as they were before, whole or not at all."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.sources.files import rows_of_file
from airflow_profile_provider.sources.keys import keys_of_file


def zstd(content: bytes) -> bytes:
    return bytes(pa.Codec("zstd").compress(content, asbytes=True))


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstd,
}
LINES = b"".join(b'{"id": %d}\n' % n for n in range(2000))


@pytest.fixture(params=[True, False], ids=["backport", "arrow"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads zstd: the backport of Python's own, or Arrow."""
    if not request.param:
        hidden: Any = None
        for name in ("compression.zstd", "backports.zstd"):
            monkeypatch.setitem(sys.modules, name, hidden)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("name", ["people.jsonl", "people.json", "people.csv", "people.ndjson"])
def test_each_text_may_be_packed_in_each_way_and_in_several_parts(
    tmp_path: Path, name: str, ending: str
) -> None:
    content = b"id\n" + b"1\n" * 2000 if name.endswith(".csv") else LINES
    path = tmp_path / (name + ending.upper())
    path.write_bytes(PACK[ending](content[:300]) + PACK[ending](content[300:]))
    rows = list(rows_of_file(str(path), open_file))
    assert len(rows) == 2000
    assert not any(row.problem for row in rows)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("ending", PACK)
@pytest.mark.parametrize("spoilt", ["cut", "no such format"])
def test_a_packed_file_that_is_not_whole_says_so(tmp_path: Path, ending: str, spoilt: str) -> None:
    packed = PACK[ending](LINES)
    path = tmp_path / f"people.jsonl{ending}"
    path.write_bytes(packed[:-12] if spoilt == "cut" else LINES)
    with pytest.raises(SourceError, match="cannot be read"):
        list(rows_of_file(str(path), open_file))


def test_without_a_reader_of_zstd_the_error_names_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "people.jsonl.zst"
    path.write_bytes(zstd(LINES))
    hidden: Any = None
    for name in ("compression.zstd", "backports.zstd", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, hidden)
    with pytest.raises(ConfigurationError, match=r"reading .zst needs .*airflow-profile-provider\[zstd\]"):
        list(rows_of_file(str(path), open_file))


def test_a_file_of_keys_may_be_packed(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl.xz"
    path.write_bytes(lzma.compress(b'{"key": "1"}\n"2"\n'))
    assert list(keys_of_file(str(path), open_file)) == ["1", "2"]
