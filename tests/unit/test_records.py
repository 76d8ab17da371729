"""Where the shared nouns are found."""

from __future__ import annotations

from importlib import import_module

import pytest

from airflow_profile_provider import checkpoint, records, reports


@pytest.mark.parametrize(
    ("name", "now_in"),
    [
        ("Checkpoint", checkpoint),
        ("ReasonCount", reports),
        ("Report", reports),
        ("TaskRun", reports),
    ],
)
def test_a_name_that_has_moved_is_found_where_it_used_to_be(name: str, now_in: object) -> None:
    assert getattr(import_module("airflow_profile_provider.records"), name) is getattr(now_in, name)


def test_no_other_name_is_made_up() -> None:
    with pytest.raises(AttributeError, match="'Nothing'"):
        records.Nothing  # type: ignore[attr-defined]  # noqa: B018 -- asking is the test
