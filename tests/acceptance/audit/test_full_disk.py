"""An audit keeps its source in a private file; without room for that, all records are accounted for."""

from __future__ import annotations

import resource
from collections.abc import Iterator

import pytest

from acceptance.rig import counts
from airflow_profile_provider.errors import PushStopped

from .scene import Scene

ROOM = 500_000
NUMBER = 7000


@pytest.fixture
def little_room() -> Iterator[None]:
    """Files of this process may have half a megabyte, and the source takes more than three."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("little_room")
def test_every_record_is_accounted_for_where_the_temporary_file_is_full(ocamba: Scene) -> None:
    rows = [{"id": f"unknown {number}", "name": "x" * 500} for number in range(NUMBER)]
    with pytest.raises(PushStopped, match="temporary file of the audit") as raised:
        ocamba.report(rows, fields={"full_name": "name"}, action="audit")
    assert raised.value.report is not None
    assert counts(raised.value.report) == {"unsent": NUMBER}
