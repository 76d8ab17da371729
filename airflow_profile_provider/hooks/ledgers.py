"""A push's ledger: opened from an Airflow connection, held by one push at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_profile_provider import __version__
from airflow_profile_provider.fingerprints import Fingerprints
from airflow_profile_provider.ledger import Ledger
from airflow_profile_provider.plan import Planner, Recipe
from airflow_profile_provider.sieve import Comparing, Sieve
from airflow_profile_provider.vendor import Vendor

if TYPE_CHECKING:
    from airflow.sdk import Connection

WAIT_SECONDS = 1.0
WAITS_BETWEEN_WORDS = 30


def fingerprints_of(
    store: Connection, ledger: Ledger, vendor: Vendor, planner: Planner, recipe: Recipe
) -> Fingerprints:
    """Return the fingerprints of a ledger behind a connection, whose own key comes before the ledger's."""
    given = str((store.extra_dejson or {}).get("fingerprint_key") or "")
    return Fingerprints(
        given.encode() or ledger.key, vendor.shape, f"{__version__} {recipe!r}", planner.columns
    )


@contextmanager
def sieve_of(
    store: Connection,
    target: str,
    vendor: Vendor,
    planner: Planner,
    recipe: Recipe,
    how: Comparing,
    *,
    share: str,
    owner: str,
    log: Any,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Sieve]:
    """Open the ledger of a target behind a connection, once no other push to it is under way.

    Raises:
        ConfigurationError: the database cannot be used, or knows the target by another identifier.
        LedgerFailed: the database does not do what it is asked.
    """
    from airflow_profile_provider.hooks.databases import engine_of

    ledger = Ledger(engine_of(store), target, planner.key_type, mixed_key_types=how.mixed_key_types)
    try:
        prints = fingerprints_of(store, ledger, vendor, planner, recipe)
        waits = 0
        while not (lease := ledger.take_lease(share, owner)):
            if waits % WAITS_BETWEEN_WORDS == 0:
                log.info("Waiting for another push to %s to end: its ledger takes one at a time", target)
            waits += 1
            sleep(WAIT_SECONDS)
        with lease.kept():
            yield Sieve(planner, ledger, prints, how)
    finally:
        ledger.close()
