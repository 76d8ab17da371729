"""Where the permits of a shared quota are written down: Redis, PostgreSQL, or an SQLite file.

All three hold the moments of the last permits of each target, in milliseconds of the store's own clock, and
decide in one atomic step: a window is full while its limit-th newest permit is younger than the window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from airflow_profile_provider.adapters.addresses import (
    POSTGRES,
    REDIS,
    makes_sqlite_file,
    postgres_options,
    redis_options,
    sqlite_path,
    sqlite_uri,
)
from airflow_profile_provider.adapters.quota_redis import RedisPermits
from airflow_profile_provider.adapters.quota_tables import ANSWER_SECONDS, PostgresPermits, SqlitePermits
from airflow_profile_provider.delivery.shared_quota import PermitStore, SharedPermits
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.outages import PATIENCE_SECONDS, outage_of
from airflow_profile_provider.vendors.exchange import Rate

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


def shared_permits(store: Connection, target: str, rates: Sequence[Rate]) -> SharedPermits:
    """Return the permits of a target (connection type and id) in the store behind an Airflow connection.

    The first permit connects, so that a store which is away is waited for like one that goes away later.

    Raises:
        ConfigurationError: the store's type is not supported, its driver is missing, or the connection says
            what cannot be meant or is refused.
    """
    name = f"profile_quota_{hashlib.sha256(target.encode()).hexdigest()[:16]}"
    try:
        permits = permit_store(store, name)
        permits.age_of(1)
    except ConfigurationError as error:
        raise ConfigurationError(f"quota_conn_id: {error}") from None
    except ImportError as error:
        raise ConfigurationError(
            f"quota_conn_id: {error.name} is missing: "
            f"pip install 'airflow-profile-provider[{store.conn_type}]'"
        ) from None
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts may hold secrets
        outage = outage_of(error)
    else:
        return SharedPermits(permits, rates, store.conn_id, PATIENCE_SECONDS)
    if outage.passing:
        permits.close()
        return SharedPermits(permits, rates, store.conn_id, PATIENCE_SECONDS)
    raise ConfigurationError(
        f"quota_conn_id: {store.conn_id} cannot be used {outage.check('that connection')}"
    )


def permit_store(connection: Connection, name: str) -> PermitStore:
    """Return the store of a target behind an Airflow connection; it connects when it is first used.

    Raises:
        ConfigurationError: the connection's type keeps no quota, or says what cannot be meant.
        ImportError: the driver is missing.
    """
    kind = str(connection.conn_type)
    if kind in REDIS:
        return RedisPermits(redis_options(connection), name)
    if kind in POSTGRES:
        return PostgresPermits(postgres_options(connection, connect_seconds=ANSWER_SECONDS), name)
    if kind == "sqlite":
        path, uri = sqlite_path(connection), sqlite_uri(connection)
        return SqlitePermits(path, uri, name, make=makes_sqlite_file(connection))
    raise ConfigurationError(
        f"a connection of type {kind} cannot keep a quota; use one of redis, postgres, sqlite"
    )
