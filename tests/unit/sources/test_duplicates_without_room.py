"""Where a private file of the search for duplicates finds no room, the source says which, and what to do."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.duplicates import Duplicates


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files of this process may have half a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("little_room")
@pytest.mark.parametrize(("passes", "named"), [(False, "keys .* SQLITE_TMPDIR"), (True, "rows .* TMPDIR")])
def test_a_file_without_room_is_named_with_what_to_do(passes: bool, named: str) -> None:
    found = Duplicates(
        key_of=lambda row: str(row.position),
        passes=lambda row: passes,
        place_of=lambda position: "",
        go_on=lambda: None,
    )
    rows = (Row(number, {}) for number in range(150_000))
    with pytest.raises(SourceError, match=f"the temporary file of the {named}"):
        next(found.refused(rows), None)
