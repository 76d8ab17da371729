"""Rows of any iterable, and the columns that a source must have."""

from __future__ import annotations

import pytest

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.rows import require_columns, rows_of


def test_records_of_a_list_are_numbered_from_1_and_must_be_objects() -> None:
    first, second = rows_of([{"a": 1}, "x"])
    assert (first.position, second.position) == (1, 2)
    assert "not an object" in second.problem


def test_a_column_that_no_record_has_is_a_mistake_of_the_mapping() -> None:
    records = [{"id": 1, "mail": "x"}, {"id": 2}]
    assert len(list(require_columns(rows_of(records), ["id", "mail"], "the list"))) == 2
    with pytest.raises(SourceError, match="no column 'email'; it has 2 columns"):
        list(require_columns(rows_of(records), ["id", "email"], "the list"))
