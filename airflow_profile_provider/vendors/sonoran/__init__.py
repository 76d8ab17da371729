"""Sonoran CMS: its two APIs, and the accounts that they show."""

from airflow_profile_provider.vendors.sonoran.api import Sonoran

__all__ = ["Sonoran"]
