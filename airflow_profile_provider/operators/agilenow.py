"""Operator for Agile.Now."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.agilenow import AgileNowHook


class AgileNowPushProfilesOperator(PushProfilesOperator):
    """Push Agile.Now accounts; the shared arguments are those of `PushProfilesOperator`.

    :param agilenow_conn_id: the connection.
    :param write: "merge" lays the change over the account as it is; "put" sends the change alone.
    """

    template_fields = (*PushProfilesOperator.template_fields, "agilenow_conn_id", "write")

    def __init__(
        self,
        *,
        agilenow_conn_id: str = "agilenow_default",
        write: str = "merge",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.agilenow_conn_id = agilenow_conn_id
        self.write = write

    @cached_property
    def hook(self) -> AgileNowHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.agilenow import AgileNowHook

        return AgileNowHook(self.agilenow_conn_id)

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {"write": self.write}
