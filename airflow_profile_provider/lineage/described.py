"""What lineage asks of a push and of its source: whoever has these can be described, whatever its class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.reports import Report
    from airflow_profile_provider.vendors.base import Vendor


class DescribedHook(Protocol):
    """What is asked of the hook of a push."""

    vendor_class: type[Vendor]

    @property
    def address(self) -> str:
        """What is pushed to, as a URI."""

    def get_connection(self, conn_id: str) -> Connection:
        """Look up a connection."""


class DescribedPush(Protocol):
    """What is asked of an operator that pushes: its arguments, and the report once there is one."""

    records: Any
    sql: str | None
    sql_conn_id: str | None
    parameters: Any
    key: str | None
    key_type: str | None
    fields: Mapping[str, str | Expression] | Sequence[str] | None
    only: Any
    action: str
    delivered_path: Any
    plan_path: Any
    vendor_options: Mapping[str, Any]
    report: Report | None

    @property
    def hook(self) -> DescribedHook:
        """The vendor's hook."""


@runtime_checkable
class ReadFromTable(Protocol):
    """Records that are read from a table without a query of the user's own."""

    @property
    def table_read(self) -> str:
        """Name of the table, perhaps with its schema."""
