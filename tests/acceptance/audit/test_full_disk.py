"""An audit keeps its source in a private file; without room for that, all records are accounted for."""

from __future__ import annotations

import pytest
from neighbourhood.disks import full_disk

from acceptance.rig import counts
from airflow_profile_provider.errors import PushStopped

from .scene import Scene

ROOM = 500_000
"""The source takes more than three million bytes."""
NUMBER = 7000


def test_every_record_is_accounted_for_where_the_temporary_file_is_full(ocamba: Scene) -> None:
    rows = [{"id": f"unknown {number}", "name": "x" * 500} for number in range(NUMBER)]
    with full_disk(ROOM), pytest.raises(PushStopped, match="temporary file of the audit") as raised:
        ocamba.report(rows, fields={"full_name": "name"}, action="audit")
    assert raised.value.report is not None
    assert counts(raised.value.report) == {"unsent": NUMBER}
