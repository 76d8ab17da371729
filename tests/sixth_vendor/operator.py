"""Operator for Acme People."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow_profile_provider.operators.base import PushProfilesOperator

from .hook import AcmeHook


class AcmePushProfilesOperator(PushProfilesOperator):
    """Push people to Acme."""

    template_fields = (*PushProfilesOperator.template_fields, "acme_conn_id")

    def __init__(self, *, acme_conn_id: str = "acme_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.acme_conn_id = acme_conn_id

    @cached_property
    def hook(self) -> AcmeHook:
        """The vendor's hook."""
        return AcmeHook(self.acme_conn_id)
