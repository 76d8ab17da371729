"""Operator for Sonoran CMS."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.sonoran import SonoranHook


class SonoranPushProfilesOperator(PushProfilesOperator):
    """Push profile fields of Sonoran CMS accounts; the shared arguments are those of `PushProfilesOperator`.

    :param sonoran_conn_id: the connection.
    """

    template_fields = (*PushProfilesOperator.template_fields, "sonoran_conn_id")

    def __init__(
        self,
        *,
        sonoran_conn_id: str = "sonoran_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sonoran_conn_id = sonoran_conn_id

    @cached_property
    def hook(self) -> SonoranHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.sonoran import SonoranHook

        return SonoranHook(self.sonoran_conn_id)
