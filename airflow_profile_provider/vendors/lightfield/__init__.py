"""Lightfield: its API, its value types, its relationships."""

from airflow_profile_provider.vendors.lightfield.api import Lightfield

__all__ = ["Lightfield"]
