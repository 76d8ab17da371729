"""Hook for Sonoran CMS."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.sonoran import Sonoran


class SonoranHook(ProfileHook):
    """Push profile fields of Sonoran CMS accounts.

    Options of `push` and `update_profile`: none beyond the shared ones; the connection chooses the API.
    """

    vendor_class = Sonoran
    conn_name_attr = "sonoran_conn_id"
    default_conn_name = "sonoran_default"
    conn_type = "sonoran"
    hook_name = "Sonoran CMS"

    def __init__(self, sonoran_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(sonoran_conn_id, **http)
