"""Hook for Ocamba Hood."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.ocamba import Ocamba


class OcambaHook(ProfileHook):
    """Push Ocamba Hood profiles.

    Options of `push` and `update_profile`: none beyond the shared ones.
    """

    vendor_class = Ocamba
    conn_name_attr = "ocamba_conn_id"
    default_conn_name = "ocamba_default"
    conn_type = "ocamba"
    hook_name = "Ocamba Hood"

    def __init__(self, ocamba_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(ocamba_conn_id, **http)
