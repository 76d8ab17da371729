"""What a push needs of the world, opened by a hook: connections, databases and files."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.adapters.configuration import seconds_of
from airflow_profile_provider.adapters.files import open_file, try_out
from airflow_profile_provider.adapters.ledgers import session_of
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.adapters.settings import MOST_CONCURRENT
from airflow_profile_provider.adapters.source import source_of
from airflow_profile_provider.errors import ConfigurationError, PushStopped
from airflow_profile_provider.push.files import Files
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.csv_format import USUAL
from airflow_profile_provider.sources.reading import Reading

if TYPE_CHECKING:
    from airflow_profile_provider.delivery.quota import Quota
    from airflow_profile_provider.delivery.transport import Transport
    from airflow_profile_provider.delivery.wire import Observer
    from airflow_profile_provider.hooks.base import ProfileHook
    from airflow_profile_provider.hooks.guard import Guard
    from airflow_profile_provider.ledger.session import LedgerSession
    from airflow_profile_provider.push.assembly import Assembly
    from airflow_profile_provider.sources.source import Source
    from airflow_profile_provider.vendors.base import Vendor


BRIEF_SECONDS = 5.0
"""How long a request is repeated whose row is announced again anyway: the changes after it need not wait."""


class Opener:
    """Opens what a push asks for, by a hook's connections; ``records`` are what is to be pushed."""

    def __init__(self, hook: ProfileHook, guard: Guard, records: Any = None) -> None:
        self._hook = hook
        self._is_brief = isinstance(records, Announced) and records.is_announced_again
        self._guard = guard
        self.conn_id = hook.http_conn_id
        self.target = f"{hook.conn_type}:{hook.http_conn_id}"
        self.log = hook.log
        self.files = Files(open_file, parts_of, try_out)
        told = hook.tell_seconds
        self.tell_seconds = seconds_of("tell_seconds") if told is None else told

    def concurrency(self, given: int | None) -> int:
        """Return how many requests may be in flight: as given, as the connection says, or the vendor."""
        number = given or self._hook.settings.concurrency or self._hook.vendor_class.concurrency
        if not 1 <= number <= MOST_CONCURRENT:
            raise ConfigurationError(f"concurrency must be a whole number from 1 to {MOST_CONCURRENT}")
        return number

    def quota(self, vendor: Vendor, given: str | None) -> Quota:
        """Return the permits that all pushes of this connection share."""
        return self._hook._quota(vendor, given)

    def transport(
        self,
        vendor: Vendor,
        quota: str | None,
        *,
        forbidden: Callable[[], PushStopped | None],
        patience: float,
        observer: Observer | None,
    ) -> Transport:
        """Return the way to the vendor, over the hook's session."""
        rule = self._hook.retry_rule
        if self._is_brief:
            rule = replace(rule, longest=min(rule.longest, BRIEF_SECONDS))
        return self._hook._transport(
            vendor, quota, rule, forbidden=forbidden, patience=patience, observer=observer
        )

    def source(self, records: Any, options: PushOptions) -> Source:
        """Return the source of the records, not yet opened."""
        csv = options.csv or USUAL
        reading = Reading(
            max_record_bytes=options.max_record_bytes,
            null_values=(*options.null_values, *csv.null_values),
            csv=csv,
            warn=self.log.warning,
        )
        find, go_on = self._hook.get_connection, self._guard.go_on
        return source_of(
            records,
            options.sql,
            options.sql_conn_id,
            find,
            reading,
            parameters=options.parameters,
            sleep=go_on,
        )

    def session(self, assembly: Assembly, *, share: str, owner: str) -> AbstractContextManager[LedgerSession]:
        """Open the ledger, once no other push to the target is under way."""
        return session_of(
            self._hook.get_connection(str(assembly.options.ledger_conn_id)),
            self.target,
            assembly.vendor,
            assembly.mapper,
            assembly.mapping,
            assembly.comparing,
            share=share,
            owner=owner,
            history=assembly.history,
            log=self.log,
            sleep=self._guard.go_on,
            stopped=lambda: self._guard.asked_to_end,
        )

    def go_on(self) -> None:
        """Raise AskedToEnd where the push was asked to end meanwhile."""
        self._guard.go_on()
