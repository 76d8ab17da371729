"""Which source is chosen, and what tells one from another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from airflow.sdk import BaseHook

from airflow_profile_provider.adapters.files import open_file, state_of, try_out
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.adapters.source import source_of
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.events import EventSource
from airflow_profile_provider.sources.files import FileSource
from airflow_profile_provider.sources.frames import FrameSource
from airflow_profile_provider.sources.memory import MemorySource
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.sources.sql import QuerySource


def source(records: Any, sql: str | None = None) -> Source:
    return source_of(records, sql, "warehouse" if sql else None, BaseHook.get_connection)


class Lazy(Sequence[Any]):
    """A list whose items cost something, as Airflow's outputs of mapped tasks do."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        self.asked = 0

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: Any) -> Any:
        self.asked += 1
        return self._items[index]


def test_a_lazy_list_of_paths_is_read_as_files_and_one_of_records_is_not_looked_through() -> None:
    assert type(source(Lazy(["/data/a.csv", "/data/b.csv"]))) is FileSource
    records = Lazy([{"id": "1"}] * 100)
    assert type(source(records)) is MemorySource
    assert records.asked == 1
    assert type(source(Lazy([]))) is MemorySource


@pytest.mark.parametrize(
    ("records", "sql", "kind"),
    [
        ([], None, MemorySource),
        (iter([]), None, MemorySource),
        ("people.csv", None, FileSource),
        (Path("people"), None, FileSource),
        (["people.csv", Path("more.jsonl.zst")], None, FileSource),
        (pa.table({"id": ["1"]}), None, FrameSource),
        (lambda: iter([]), None, MemorySource),
        (lambda: "people.csv", None, FileSource),
        (None, "select 1", QuerySource),
        (Announced(), None, EventSource),
    ],
)
def test_each_kind_is_a_class_that_opens_nothing_yet(records: Any, sql: str | None, kind: type) -> None:
    found = source(records, sql)
    assert type(found) is kind
    found.close()


def test_a_lists_id_changes_with_its_content_and_with_the_options() -> None:
    ids = [
        source(records).source_id({"key": key})
        for records, key in (([1], "id"), ([2], "id"), ([1], "email"), ([1], "id"))
    ]
    assert ids[0] == ids[3]
    assert None not in ids
    assert len(set(ids)) == 3


class Unwritable:
    """A value that breaks when its text is asked for."""

    def __str__(self) -> str:
        raise OverflowError


@pytest.mark.parametrize("records", [iter([1]), Announced(), "missing.csv", [{"name": Unwritable()}]])
def test_what_cannot_be_told_from_another_has_no_id(records: Any) -> None:
    assert source(records).source_id({}) is None


def test_only_an_iterator_cannot_be_read_twice() -> None:
    for records in ([1], "people.csv", Announced()):
        source(records).require_rereading("two passes are needed")
    with pytest.raises(ConfigurationError, match="two passes are needed, and these records"):
        source(iter([1])).require_rereading("two passes are needed")


def test_what_a_file_system_says_stays_out_of_the_error() -> None:
    """Kind 5: botocore's "Invalid endpoint" repeats the endpoint, with whatever stands in it."""
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    class Leaky(MemoryFileSystem):
        def _breaks(self, *_: Any, **__: Any) -> Any:
            raise ValueError("Invalid endpoint: http://user:canary@store")

        open = stat = _breaks  # type: ignore[assignment]

    attach("memory", conn_id="leaky", fs=Leaky())
    path = "memory://leaky@bucket/people.csv"
    for mode in ("rb", "wb"):
        with pytest.raises(ConfigurationError, match="no file system for this address") as raised:
            open_file(path, mode)
        assert "canary" not in str(raised.value)
    assert state_of(path) is None


@pytest.mark.parametrize(
    ("address", "package"),
    [
        ("s3://aws_default@bucket/people.csv", "apache-airflow-providers-amazon[s3fs]"),
        ("s3://aws_default@bucket/folder/", "apache-airflow-providers-amazon[s3fs]"),
        ("s3://aws_default@bucket/part-*.csv", "apache-airflow-providers-amazon[s3fs]"),
        ("gs://bucket/people.csv", "apache-airflow-providers-google"),
        ("abfs://bucket/people.csv", "apache-airflow-providers-microsoft-azure"),
        ("elsewhere://bucket/people.csv", "the Airflow provider that brings elsewhere://"),
    ],
)
def test_an_address_without_its_provider_names_the_package(address: str, package: str) -> None:
    from airflow.sdk.io import has_fs

    if has_fs(address.partition("://")[0]):
        pytest.skip("the provider is installed")
    ways: list[Callable[[str], Any]] = [parts_of, lambda path: open_file(path, "rb"), try_out]
    for opened in ways:
        with pytest.raises(ConfigurationError, match=re.escape(package)):
            opened(address)
