"""Hook for Axero Communifire."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.communifire import Communifire


class CommunifireHook(ProfileHook):
    """Push profile fields of Communifire users.

    Options of `push` and `update_profile`: ``mode`` ("update", "upsert", "create"), ``identifier_fields``.
    """

    vendor_class = Communifire
    conn_name_attr = "communifire_conn_id"
    default_conn_name = "communifire_default"
    conn_type = "communifire"
    hook_name = "Axero Communifire"

    def __init__(self, communifire_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(communifire_conn_id, **http)
