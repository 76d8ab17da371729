"""Public names where they used to be."""

from airflow_profile_provider.vendors.base import *  # noqa: F403 -- all of what a vendor is made of
