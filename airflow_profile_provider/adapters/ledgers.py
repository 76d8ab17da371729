"""A push's ledger: opened from an Airflow connection, held by one push at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_profile_provider.errors import LedgerFailed, PushStopped
from airflow_profile_provider.ledger.diff import LedgerOptions
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.history import History, HistoryOptions
from airflow_profile_provider.ledger.ids import Ids
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.migrations import migrate
from airflow_profile_provider.ledger.reader import LedgerReader
from airflow_profile_provider.ledger.session import LedgerSession
from airflow_profile_provider.ledger.tables import patient
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.vendors.base import Vendor

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

WAIT_SECONDS = 1.0
WAITS_BETWEEN_WORDS = 30
MOST_WAITS = 24 * 3600
"""A push that waits for longer than a day never gets its turn."""

T = TypeVar("T")


def secret_of(store: Connection) -> bytes:
    """Return the secret of fingerprints that a connection brings in place of the ledger's own, if any."""
    return str((store.extra_dejson or {}).get("fingerprint_key") or "").encode()


def fingerprints_of(
    ledger: LedgerReader, vendor: Vendor, mapper: Mapper, mapping: FieldMapping
) -> Fingerprints:
    """Return the fingerprints that a ledger keeps of a push."""
    # What is known of a profile is not known of one spelling of its key.
    shape = vendor.shape + (" exact keys" if mapping.exact_keys else "")
    return Fingerprints(ledger.key, shape, mapper.meaning, mapper.columns)


def ids_of(ledger: Ledger, vendor: Vendor, mapper: Mapper) -> Ids:
    """Return which of the vendor's profiles the keys of a push mean."""
    key_type = mapper.vendor_key_type
    return ledger.ids(key_type, lambda key: vendor.profile_of(key_type, key))


@contextmanager
def session_of(
    store: Connection,
    target: str,
    vendor: Vendor,
    mapper: Mapper,
    mapping: FieldMapping,
    how: LedgerOptions,
    *,
    share: str,
    owner: str,
    history: HistoryOptions | None = None,
    log: Any,
    sleep: Callable[[float], object] = time.sleep,
    stopped: Callable[[], PushStopped | None] = lambda: None,
) -> Iterator[LedgerSession]:
    """Open the ledger of a target behind a connection, once no other push to it is under way.

    ``history`` says whose history is written beside it; None: nobody's. ``stopped`` is asked while it waits
    for its turn: why it need not go on, if so; ``sleep`` may raise that.

    Raises:
        ConfigurationError: the database cannot be used, or knows the target by another identifier.
        LedgerFailed: the database does not do what it is asked.
        PushStopped: the push need not wait any longer.
    """
    from airflow_profile_provider.adapters.databases import engine_of

    engine = engine_of(store, away=LedgerFailed, sleep=sleep)
    waiting = Waiting(target, log, sleep, stopped)
    try:
        waiting.until(patient(lambda: migrate(engine, owner)), "the ledger must be migrated before this one")
        ledger = Ledger(
            engine,
            target,
            mapper.key_type,
            place=vendor.place,
            mixed_key_types=how.mixed_key_types,
            secret=secret_of(store),
        )
    except BaseException:
        engine.dispose()
        raise
    try:
        prints = fingerprints_of(ledger, vendor, mapper, mapping)
        lease = waiting.until(
            lambda: ledger.take_lease(share, owner), "one push at a time may use its ledger"
        )
        ledger.take_scope(how.scope)
        if not mapping.exact_keys:
            ledger.keep_as(mapper.profile_of)
        with lease.kept():
            if history:
                ledger.history = History(engine, target, mapper.key_type, history, warn=log.warning)
            ids = ids_of(ledger, vendor, mapper) if mapping.match else None
            yield LedgerSession(mapper, ledger, prints, how, writer=ledger, ids=ids)
    finally:
        ledger.close()


class Waiting:
    """A push that waits for another one to the same target, until it is its turn or is asked to stop.

    Raises:
        PushStopped: it was asked to, or has waited for as long as anybody may.
    """

    def __init__(
        self,
        target: str,
        log: Any,
        sleep: Callable[[float], object],
        stopped: Callable[[], PushStopped | None],
    ) -> None:
        self._target = target
        self._log = log
        self._sleep = sleep
        self._stopped = stopped
        self._waits = 0

    def until(self, attempt: Callable[[], T | None], why: str) -> T:
        """Try again and again until something true comes of it, and return that."""
        while not (found := attempt()):
            if self._waits % WAITS_BETWEEN_WORDS == 0:
                self._log.info("Waiting for another push to %s to end: %s", self._target, why)
            if self._waits >= MOST_WAITS:
                hours = MOST_WAITS * WAIT_SECONDS / 3600
                raise LedgerFailed(
                    f"another push to {self._target} did not end in {hours:g} hours; find out why"
                )
            self._waits += 1
            self._sleep(WAIT_SECONDS)
            if stopped := self._stopped():
                raise stopped
        return found
