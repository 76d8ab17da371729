"""Hook for Agile.Now."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.agilenow import AgileNow


class AgileNowHook(ProfileHook):
    """Push Agile.Now accounts.

    Options of `push` and `update_profile`: ``write`` ("merge", "put").
    """

    vendor_class = AgileNow
    conn_name_attr = "agilenow_conn_id"
    default_conn_name = "agilenow_default"
    conn_type = "agilenow"
    hook_name = "Agile.Now"

    def __init__(self, agilenow_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(agilenow_conn_id, **http)
