"""What Airflow's configuration says of pushes: the section ``[profiles]``, and options of Airflow's own."""

from __future__ import annotations

import math

from airflow.providers.common.compat.sdk import AirflowConfigException, conf

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.get_provider_info import get_provider_info

SECTION = "profiles"
_OPTIONS = get_provider_info()["config"][SECTION]["options"]


def seconds_of(option: str) -> float:
    """Return an option of ``[profiles]`` that is a time in seconds.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        found = float(conf.getfloat(SECTION, option, fallback=float(_OPTIONS[option]["default"])))
    except (AirflowConfigException, ValueError):
        found = math.nan
    if not 0 <= found < math.inf:
        raise ConfigurationError(f"[{SECTION}] {option} in Airflow's configuration must be seconds, from 0")
    return found


def default_deferrable() -> bool:
    """Return whether operators of this Airflow are deferrable where a DAG does not say."""
    return bool(conf.getboolean("operators", "default_deferrable", fallback=False))
