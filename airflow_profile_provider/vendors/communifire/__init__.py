"""Axero Communifire: its API, and what it gives back of a user."""

from airflow_profile_provider.vendors.communifire.api import Communifire

__all__ = ["Communifire"]
