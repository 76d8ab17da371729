"""Public names where they used to be."""

from airflow_profile_provider.delivery.retries import RetryRule

__all__ = ["RetryRule"]
