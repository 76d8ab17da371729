"""Public names where they used to be."""

from airflow_profile_provider.sources.announced import Announced

__all__ = ["Announced"]
