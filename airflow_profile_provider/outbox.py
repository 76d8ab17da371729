"""Public names where they used to be."""

from airflow_profile_provider.sources.outbox import Outbox

__all__ = ["Outbox"]
