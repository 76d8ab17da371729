"""What drivers of Python's database API hand out."""

from __future__ import annotations

import pytest

from airflow_profile_provider.sources.cursors import CursorDatabase
from airflow_profile_provider.sources.statements import Statement

duckdb = pytest.importorskip("duckdb")


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        ("[0.1::float]", "[0.1]"),
        ("[0.1::float]::float[1]", "[0.1]"),
        ("{'x': [{'y': 0.1::float}]}", "{'x': [{'y': 0.1}]}"),
        ("map {'x': 0.1::float}", "{'x': 0.1}"),
        ("[0.10000000149011612::double]", "[0.10000000149011612]"),
    ],
)
def test_numbers_of_single_precision_inside_of_others_keep_their_own_digits(kind: str, written: str) -> None:
    database = CursorDatabase(duckdb.connect)
    with database.session(lambda: None) as session, session.run(Statement(f"select {kind}")) as result:
        ((value,),) = result.fetch(1)
    assert str(value) == written
