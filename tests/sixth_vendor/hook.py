"""Hook for Acme People."""

from __future__ import annotations

from typing import Any

from airflow_profile_provider.hooks.base import ProfileHook

from .acme import Acme


class AcmeHook(ProfileHook):
    """Push people to Acme."""

    vendor_class = Acme
    conn_name_attr = "acme_conn_id"
    default_conn_name = "acme_default"
    conn_type = "acme"
    hook_name = "Acme People"

    def __init__(self, acme_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(acme_conn_id, **http)
