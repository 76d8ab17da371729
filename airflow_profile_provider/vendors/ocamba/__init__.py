"""Ocamba Hood: its API, and its lists."""

from airflow_profile_provider.vendors.ocamba.api import Ocamba

__all__ = ["Ocamba"]
