"""Push profile changes to the SaaS systems that keep them, from Apache Airflow."""

from __future__ import annotations

__version__ = "0.1.0"
