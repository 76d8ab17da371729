"""Operator for Ocamba Hood."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.ocamba import OcambaHook


class OcambaPushProfilesOperator(PushProfilesOperator):
    """Push Ocamba Hood profiles; the shared arguments are those of `PushProfilesOperator`.

    :param ocamba_conn_id: the connection.
    """

    template_fields = (*PushProfilesOperator.template_fields, "ocamba_conn_id")

    def __init__(
        self,
        *,
        ocamba_conn_id: str = "ocamba_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.ocamba_conn_id = ocamba_conn_id

    @cached_property
    def hook(self) -> OcambaHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.ocamba import OcambaHook

        return OcambaHook(self.ocamba_conn_id)
