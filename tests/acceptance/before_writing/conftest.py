"""The rig of each vendor in the sandbox, and a ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from guarantees.fixtures import rig as rig
from guarantees.fixtures import sandbox as sandbox
from guarantees.rig import Rig


@pytest.fixture
def ledger(rig: Rig, tmp_path: Path) -> str:
    rig.setenv(
        "AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")})
    )
    return "ledger"
