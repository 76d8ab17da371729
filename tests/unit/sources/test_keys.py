"""Files of keys, and the rows that they let pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.sources.keys import KeyFile, rows_only
from airflow_profile_provider.sources.rows import rows_of


@pytest.mark.parametrize("line", ["b{}", '"b{}"', '{{"key": "b{}", "more": 1}}'])
def test_only_the_rows_whose_column_holds_one_of_the_keys_pass(tmp_path: Path, line: str) -> None:
    path = tmp_path / "keys.txt"
    path.write_text("\n".join(line.format(n) for n in (1, 3)))
    rows: list[Any] = [{"id": n, "other": f"b{n}"} for n in range(5)]
    with KeyFile(str(path), open_file) as keys:
        assert [row.content["id"] for row in rows_only(rows_of(rows), keys, "other")] == [1, 3]
