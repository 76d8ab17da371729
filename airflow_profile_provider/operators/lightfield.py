"""Operator for Lightfield."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.lightfield import LightfieldHook
    from airflow_profile_provider.mapping.mapper import ColumnsOf


class LightfieldPushProfilesOperator(PushProfilesOperator):
    """Push Lightfield accounts; the shared arguments are those of `PushProfilesOperator`.

    :param lightfield_conn_id: the connection.
    :param relationships: relationship to operation to column, e.g. ``{"$owner": {"replace": "owner_id"}}``.
    """

    template_fields = (*PushProfilesOperator.template_fields, "lightfield_conn_id", "relationships")

    def __init__(
        self,
        *,
        lightfield_conn_id: str = "lightfield_default",
        relationships: ColumnsOf | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lightfield_conn_id = lightfield_conn_id
        self.relationships = relationships

    @cached_property
    def hook(self) -> LightfieldHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.lightfield import LightfieldHook

        return LightfieldHook(self.lightfield_conn_id)

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {"relationships": self.relationships}
