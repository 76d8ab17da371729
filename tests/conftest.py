"""For every test: an Airflow home of its own, set before anything imports airflow, which reads it once."""

from __future__ import annotations

import own_airflow  # noqa: F401 -- its import does it

pytest_plugins = ["neighbourhood.fixtures"]
