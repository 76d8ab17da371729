"""The Airflow of this test run: a home of its own, and nothing of another Airflow on this machine."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
AIRFLOW_VERSION = tuple(int(part) for part in version("apache-airflow").split(".")[:2])
sys.path.insert(0, str(ROOT / "dags"))  # the example DAGs' include package

from include.local_airflow import LocalAirflow  # noqa: E402 -- found on the path above

HOME = Path(tempfile.mkdtemp(prefix="profile-provider-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "_AIRFLOW"))]:
    del os.environ[name]
AIRFLOW = LocalAirflow(HOME, ROOT / "dags")
os.environ.update(AIRFLOW.settings())


def serialized(dag: Any) -> dict[str, Any]:
    """Return a DAG as Airflow keeps it in its database."""
    from airflow.serialization import serialized_objects

    kind = getattr(serialized_objects, "DagSerialization" if AIRFLOW_VERSION >= (3, 2) else "SerializedDAG")
    return dict(kind.to_dict(dag))
