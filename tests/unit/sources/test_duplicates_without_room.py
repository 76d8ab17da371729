"""Where a private file of the search for duplicates finds no room, the source says which, and what to do."""

from __future__ import annotations

import pytest
from neighbourhood.disks import full_disk

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.duplicates import Duplicates


@pytest.mark.parametrize(("passes", "named"), [(False, "keys .* SQLITE_TMPDIR"), (True, "rows .* TMPDIR")])
def test_a_file_without_room_is_named_with_what_to_do(passes: bool, named: str) -> None:
    found = Duplicates(
        key_of=lambda row: str(row.position),
        passes=lambda row: passes,
        place_of=lambda position: "",
        go_on=lambda: None,
    )
    rows = (Row(number, {}) for number in range(150_000))
    with full_disk(500_000), pytest.raises(SourceError, match=f"the temporary file of the {named}"):
        next(found.refused(rows), None)
