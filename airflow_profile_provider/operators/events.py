"""``records=from_events()``: a push reads what the asset events announce that started its run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_profile_provider import options as arguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.sources.announced import Announced, Outbox


def from_events(
    *,
    under: str | None = None,
    read: Callable[[Any], Any] | None = None,
    table: str = "profile_outbox",
    id: str = "id",  # noqa: A002 -- a column's usual name
    key: str = "key",
    fields: str = "fields",
    key_type: str | None = None,
    delivered: str = "delivered",
    mapping: Mapping[str, str | Expression] | Sequence[str] | None = None,
    after: str | Sequence[str] = (),
) -> FromEvents:
    """Take what the triggering asset events announce: ranges of an outbox, files, or changes.

    With the operator's ``sql_conn_id``, the outbox of these names is read through it, and its rows are marked
    in the column ``delivered``. A run that no event has started (by time, by hand) takes all that is owed.

    Args:
        under: what the path of an announced file must begin with; a template.
        read: turns the message of a queue into an announcement; Redis and SQS are understood without.
        table, id, key, fields, key_type, delivered: names of the outbox (schema.table) and its columns;
            ``key_type`` is none by default.
        mapping: vendor field to member of the outbox's ``fields``, or to an expression of members (see
            `airflow_profile_provider.fields`), or a list where the names agree; None takes all as they are.
        after: columns of the marks of systems that come before this one: whom one of them refused is not
            owed to this one. A system that did not answer holds nobody up.

    Raises:
        ConfigurationError: a name is empty, or an expression holds a template.
    """
    from airflow_profile_provider.sources.announced import Outbox  # few DAGs need it

    outbox = Outbox(
        table=table,
        id=id,
        key=key,
        fields=fields,
        key_type=key_type,
        delivered=delivered,
        mapping=mapping,
        after=after,
    )
    return FromEvents(outbox, under, read)


class FromEvents:
    """What `from_events` was given; it becomes records when the task runs."""

    template_fields: Sequence[str] = ("under",)

    def __init__(self, outbox: Outbox, under: str | None, read: Callable[[Any], Any] | None) -> None:
        self.outbox = outbox
        self.under = under
        self._read = read

    def __repr__(self) -> str:
        """Say what the UI shows as the task's records."""
        return f"<from_events: {self.outbox.table}>"

    @property
    def table_read(self) -> str:
        """Name of the outbox, as lineage asks for it."""
        return self.outbox.table

    def announced(self, context: Context, *, has_outbox: bool) -> Announced:
        """Return what the events of this run announce; oldest event first.

        Raises:
            ConfigurationError: ``under`` rendered to nothing, which would be no limit, or all of one.
        """
        from airflow_profile_provider.sources.announcements import read_events

        groups = context.get("triggering_asset_events") or {}
        events = {id(event): event for group in groups.values() for event in group}  # once, also by an alias
        extras = [event.extra for event in sorted(events.values(), key=lambda event: event.timestamp)]
        outbox = self.outbox if has_outbox else None
        under = arguments.path("under", self.under)
        return read_events(extras, outbox, under=under, read=self._read)
