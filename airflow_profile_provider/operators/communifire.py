"""Operator for Axero Communifire."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.communifire import CommunifireHook


class CommunifirePushProfilesOperator(PushProfilesOperator):
    """Push profile fields of Communifire users; the shared arguments are those of `PushProfilesOperator`.

    :param communifire_conn_id: the connection.
    :param mode: "update" changes existing users, "upsert" makes those that are missing, "create" makes new
        ones.
    :param identifier_fields: allow UserID, Email or Username among the fields.
    """

    template_fields = (
        *PushProfilesOperator.template_fields,
        "communifire_conn_id",
        "mode",
        "identifier_fields",
    )

    def __init__(
        self,
        *,
        communifire_conn_id: str = "communifire_default",
        mode: str = "update",
        identifier_fields: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.communifire_conn_id = communifire_conn_id
        self.mode = mode
        self.identifier_fields = identifier_fields

    @cached_property
    def hook(self) -> CommunifireHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.communifire import CommunifireHook

        return CommunifireHook(self.communifire_conn_id)

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {"mode": self.mode, "identifier_fields": self.identifier_fields}
