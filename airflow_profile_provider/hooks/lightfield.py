"""Hook for Lightfield."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.lightfield import Lightfield


class LightfieldHook(ProfileHook):
    """Push Lightfield accounts.

    Changes may carry relationships; accounts have no other options.
    """

    vendor_class = Lightfield
    conn_name_attr = "lightfield_conn_id"
    default_conn_name = "lightfield_default"
    conn_type = "lightfield"
    hook_name = "Lightfield"

    def __init__(self, lightfield_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(lightfield_conn_id, **http)
