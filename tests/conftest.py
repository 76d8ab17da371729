"""For every test: an Airflow home of its own, set before anything imports airflow, which reads it once."""

from __future__ import annotations

import own_airflow  # noqa: F401 -- its import does it
from hypothesis import HealthCheck, settings

pytest_plugins = ["neighbourhood.fixtures"]

# A busy machine says nothing of the code: no example has to be made, or to pass, within a time.
settings.register_profile(
    "any machine", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
