"""Agile.Now: its API, the values that it documents, its lists."""

from airflow_profile_provider.vendors.agilenow.api import AgileNow

__all__ = ["AgileNow"]
