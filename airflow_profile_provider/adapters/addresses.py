"""Where a database is, and how it is spoken to, as Airflow's connections say it.

Each type is read as Airflow's own hook of that type reads it, in every form in which a connection is written:
a URI, JSON, the form of the UI, whose switches and numbers may be text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow_profile_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

POSTGRES = ("postgres", "postgresql")
REDIS = ("redis", "rediss")
CONNECT_SECONDS = 10
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0", "none", ""})
_SQLITE_EXTRAS = ("mode", "cache", "immutable", "nolock", "vfs")
_CLOUD_LOGINS = ("iam", "redshift", "redshift-serverless", "azure_conn_id")
_REDIS_SECONDS = ("socket_timeout", "socket_connect_timeout", "health_check_interval")
_REDIS_SWITCHES = ("ssl_check_hostname", "socket_keepalive")
_REDIS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_ca_path")
_REDIS_TEXTS = ("ssl_cert_reqs", "ssl_password", "ssl_ca_data", "ssl_ciphers", "client_name")
_REDIS_ANSWER_SECONDS = 3.0
_REDIS_PORT = 6379


def extra_of(connection: Connection) -> Mapping[str, Any]:
    """Return a connection's extra.

    Raises:
        ConfigurationError: it is no JSON object.
    """
    found = connection.extra_dejson or {}
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"connection {connection.conn_id!r}: extra is no JSON object")
    if not found and (connection.extra or "").strip() not in {"", "{}", "null"}:
        raise ConfigurationError(f"connection {connection.conn_id!r}: extra is no JSON object")
    return found


# -- SQLite -----------------------------------------------------------------------------------------------


def sqlite_path(connection: Connection) -> str:
    """Return the path of an SQLite connection's file: its host, and what a URI's reader took for the schema.

    Raises:
        ConfigurationError: it names none that another process could open, too.
    """
    host, schema = (connection.host or "").strip(), (connection.schema or "").strip()
    path = host + (f"/{schema}" if schema else "")
    in_memory = ":memory:" in path or str(extra_of(connection).get("mode")).strip() == "memory"
    if in_memory or not path.strip("/"):
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: host must name a file; a database in memory is lost when "
            "the task ends, and no other task sees it"
        )
    return f"/{path.lstrip('/')}" if path.startswith("/") else path


def sqlite_options(connection: Connection) -> dict[str, str]:
    """Return those extras of an SQLite connection that SQLite knows, as they stand in a URI."""
    extra = extra_of(connection)
    return {name: quote(str(extra[name])) for name in _SQLITE_EXTRAS if extra.get(name) not in (None, "")}


def sqlite_uri(connection: Connection) -> str:
    """Return the URI of an SQLite connection's file.

    Raises:
        ConfigurationError: as `sqlite_path`.
    """
    query = "&".join(f"{name}={value}" for name, value in sqlite_options(connection).items())
    return f"file:{quote(sqlite_path(connection))}" + (f"?{query}" if query else "")


def makes_sqlite_file(connection: Connection) -> bool:
    """Whether an SQLite connection makes its file where there is none."""
    return extra_of(connection).get("mode") in (None, "", "rwc")


# -- PostgreSQL -------------------------------------------------------------------------------------------


def postgres_options(connection: Connection, *, connect_seconds: float = CONNECT_SECONDS) -> dict[str, Any]:
    """Return what psycopg connects with: the members, and before them the extras that libpq knows.

    ``connect_seconds`` hold unless the extra says otherwise. No statement is prepared unless the extra
    ``prepare_threshold`` says so: a pooler may not keep it.

    Raises:
        ConfigurationError: a login of a cloud is asked for, or an extra cannot be meant.
    """
    import psycopg

    extra = extra_of(connection)
    if cloud := [name for name in _CLOUD_LOGINS if extra.get(name)]:
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: extra {', '.join(cloud)} is not supported here; give login "
            "and password"
        )
    query = extra.get("sqlalchemy_query")
    given = {**(query if isinstance(query, Mapping) else {}), **extra}
    known = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    members: dict[str, Any] = {
        "host": connection.host,
        "port": connection.port,
        "user": connection.login,
        "password": connection.password,
        "dbname": connection.schema,
    }
    found = {name: value for name, value in members.items() if value not in {None, ""}}
    found["connect_timeout"] = connect_seconds
    found |= {
        name: _plain(value) for name, value in given.items() if name in known and value not in (None, "")
    }
    threshold = given.get("prepare_threshold")
    text = "" if threshold is None else str(threshold).strip()
    if text and not re.fullmatch("[0-9]{1,9}", text):
        raise ConfigurationError(
            f"connection {connection.conn_id!r}: extra prepare_threshold must be a whole number"
        )
    found["prepare_threshold"] = int(text) if text else None
    return found


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value  # libpq has no other switches than 1 and 0


# -- Redis ------------------------------------------------------------------------------------------------


def redis_options(connection: Connection) -> dict[str, Any]:
    """Return what redis-py connects with; ``cluster`` and ``startup_nodes`` are among it where asked for.

    Raises:
        ConfigurationError: naming what cannot be meant.
    """
    return _RedisReader(connection).read()


class _RedisReader:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._extra = extra_of(connection)

    def read(self) -> dict[str, Any]:
        scheme, host = self._host()
        options: dict[str, Any] = {
            "username": self._connection.login or None,
            "password": self._password(),
            "socket_timeout": _REDIS_ANSWER_SECONDS,
            "socket_connect_timeout": _REDIS_ANSWER_SECONDS,
            "db": self._db(),
            **{name: self._number(name) for name in _REDIS_SECONDS if self._given(name)},
        }
        if path := self._extra.get("unix_socket_path"):
            return {**options, "unix_socket_path": str(path)}
        options |= {"host": host or "localhost", "port": self._connection.port or _REDIS_PORT}
        options |= {name: self._switch(name) for name in _REDIS_SWITCHES if self._given(name)}
        if scheme == "rediss" or self._switch("ssl"):
            options |= {"ssl": True, **self._tls()}
        else:
            options.pop("ssl_check_hostname", None)
        if self._given("client_name"):
            options["client_name"] = str(self._extra["client_name"])
        if self._switch("cluster"):
            return self._of_cluster(options)
        return options

    def _wrong(self, name: str, must: str) -> ConfigurationError:
        return ConfigurationError(f"connection {self._connection.conn_id!r}: extra {name} must {must}")

    def _given(self, name: str) -> bool:
        return self._extra.get(name) not in (None, "")

    def _host(self) -> tuple[str, str]:
        scheme, host = str(self._connection.conn_type), (self._connection.host or "").strip()
        if "://" in host:
            scheme, _, host = host.partition("://")
        return scheme, host.rstrip("/")

    def _password(self) -> str | None:
        found = self._connection.password
        return None if str(found).lower() in {"none", "false", ""} else found

    def _db(self) -> int:
        name = "db" if self._given("db") else "schema"
        found = self._extra["db"] if name == "db" else (self._connection.schema or "").strip("/ ")
        text = str(found or 0).strip()
        if isinstance(found, bool) or not text.isdecimal():
            raise (
                self._wrong(name, "be the number of a database")
                if name == "db"
                else ConfigurationError(
                    f"connection {self._connection.conn_id!r}: schema must be the number of a database"
                )
            )
        return int(text)

    def _number(self, name: str) -> float:
        try:
            found = float(str(self._extra[name]))
        except ValueError:
            found = -1.0
        if not 0 < found < 1e6:
            raise self._wrong(name, "be a positive number of seconds")
        return found

    def _switch(self, name: str) -> bool:
        text = str(self._extra.get(name) if self._given(name) else "").strip().lower()
        if text not in _YES | _NO:
            raise self._wrong(name, "be true or false")
        return text in _YES

    def _tls(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in _REDIS_FILES:
            if self._given(name):
                found[name] = str(self._extra[name])
                if not Path(found[name]).exists():
                    raise self._wrong(name, f"name a file that is there, and {found[name]} is not")
        found |= {n: str(self._extra[n]) for n in _REDIS_TEXTS if self._given(n) and n != "client_name"}
        if "ssl_cert_reqs" in found:
            text = found["ssl_cert_reqs"].lower().removeprefix("cert_")
            found["ssl_cert_reqs"] = {"require": "required", "false": "none"}.get(text, text)
            if found["ssl_cert_reqs"] not in {"required", "optional", "none"}:
                raise self._wrong("ssl_cert_reqs", 'be "required", "optional" or "none"')
            if found["ssl_cert_reqs"] == "none":
                found["ssl_check_hostname"] = False
        return found

    def _of_cluster(self, options: dict[str, Any]) -> dict[str, Any]:
        if options.pop("db"):
            raise self._wrong("db", "be 0 or left out: a cluster has no other")
        nodes = []
        for entry in str(self._extra.get("startup_nodes") or "").split(","):
            host, _, port = entry.strip().partition(":")
            if entry.strip() and not (host and (not port or port.isdecimal())):
                raise self._wrong("startup_nodes", "be a list such as node-2:6379,node-3:6379")
            if host:
                nodes.append((host, int(port or _REDIS_PORT)))
        return {**options, "cluster": True, "startup_nodes": nodes}
