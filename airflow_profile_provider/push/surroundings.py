"""What a push is handed by whoever runs it: what opens the world for it, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.delivery.wire import Observer
from airflow_profile_provider.errors import PushStopped
from airflow_profile_provider.ledger.session import LedgerSession
from airflow_profile_provider.push.files import Files
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.push.watermark import Checkpoints
from airflow_profile_provider.reports import TaskRun
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue

if TYPE_CHECKING:
    from airflow_profile_provider.push.assembly import Assembly


class Surroundings(Protocol):
    """What opens the world for a push: connections, databases, files and the vendor's host."""

    conn_id: str
    target: str
    """Names the vendor's account in ledgers and quotas: connection type and id."""
    files: Files
    tell_seconds: float

    @property
    def log(self) -> Log:
        """Where a push says what it does."""

    def concurrency(self, given: int | None) -> int:
        """Return how many requests may be in flight; None: as the connection says."""

    def quota(self, vendor: Vendor, given: str | None) -> Quota:
        """Return the permits that all pushes of this connection share; None: as the connection says."""

    def transport(
        self,
        vendor: Vendor,
        quota: str | None,
        *,
        forbidden: Callable[[], PushStopped | None],
        patience: float,
        observer: Observer | None,
    ) -> Transport:
        """Return the way to the vendor."""

    def source(self, records: Any, options: PushOptions) -> Source:
        """Return the source of the records, not yet opened."""

    def session(self, assembly: Assembly, *, share: str, owner: str) -> AbstractContextManager[LedgerSession]:
        """Open the ledger, once no other push to the target is under way."""

    def go_on(self) -> None:
        """Raise AskedToEnd where the push was asked to end meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """What a push is told beside its options, by whoever runs it.

    ``run`` names the run that a refusal counts in, and whom the ledger's lease belongs to. ``task`` is which
    task the history names; None: nothing is written there. ``patience`` is
    how many seconds of waiting for the quota do not end the push; None: any. ``vendor_options`` are those
    that only this vendor has. ``learn`` asks which fields there are; None: as a push does. ``observer`` is
    told of every request.
    """

    run: str = field(default_factory=lambda: uuid4().hex)
    task: TaskRun | None = None
    checkpoints: Checkpoints | None = None
    patience: float | None = None
    vendor_options: Mapping[str, Any] = field(default_factory=dict)
    learn: Callable[[Assembly], Catalogue] | None = None
    observer: Observer | None = None
