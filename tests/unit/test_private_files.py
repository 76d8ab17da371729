"""Private files without room: an error that says which one it is, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from neighbourhood.disks import full_disk

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.errors import OutputFailed, ProfileError, SourceError
from airflow_profile_provider.ledger.members import KeysRead, Left
from airflow_profile_provider.ledger.postponed import Postponed, Waiting
from airflow_profile_provider.push.leavers import _Found
from airflow_profile_provider.records import Change
from airflow_profile_provider.sources.keys import KeyFile

ROOM = 500_000
NUMBER = 20_000


def keys() -> list[str]:
    return [f"{number} {'x' * 300}" for number in range(NUMBER)]


def read() -> None:
    KeysRead().add(keys(), keys())


def left() -> None:
    found = _Found()
    for key in keys():
        found.add(Left(key, key, noted=False))


def postponed() -> None:
    kept = Postponed()
    for number, key in enumerate(keys()):
        change = Change(key, {"name": key}, "id", number)
        kept.add(key, Waiting(change, b"row", frozenset()))


@pytest.mark.parametrize(
    ("what", "fill", "error"),
    [
        ("source's keys", read, SourceError),
        ("leavers", left, OutputFailed),
        ("rows that wait for a later one", postponed, OutputFailed),
    ],
    ids=["keys", "leavers", "waiting"],
)
def test_a_temporary_file_without_room_is_named(
    what: str, fill: Callable[[], None], error: type[ProfileError]
) -> None:
    with (
        full_disk(ROOM),
        pytest.raises(error, match=rf"temporary file of the {what} cannot be written .*set SQLITE_TMPDIR"),
    ):
        fill()


def test_a_file_of_keys_without_room_is_named(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(keys()))
    with full_disk(ROOM), pytest.raises(SourceError, match="temporary file of the keys cannot be written"):
        KeyFile(str(path), open_file)
