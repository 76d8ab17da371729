"""What an error of a database or of Redis means: its code, whether it passes by itself, and what helps.

A driver's own words are never repeated: they may hold keys, values or the password.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

Result = TypeVar("Result")

PATIENCE_SECONDS = 15.0
"""How long a database may be away: a restart takes a quarter of a minute at the most."""


@dataclass(frozen=True, slots=True)
class Outage:
    """An error, named by type and the database's own code.

    ``passing`` says that it may be gone in a moment: nobody there, a restart, a failover, a lock.
    """

    name: str
    passing: bool
    remedy: str

    def check(self, what: str) -> str:
        """Say in a message what to check, and why: the end of a sentence that names the error."""
        return f"({self.name}); check {what}" + (f": {self.remedy}" if self.remedy else "")


def ridden_out(
    work: Callable[[], Result],
    is_passing: Callable[[Exception], bool] = lambda error: outage_of(error).passing,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Result:
    """Do something, and do it again while a database is away: at once, then ever less often.

    The patience counts from the start, so that what took long to fail is not begun again.
    """
    began, pause = clock(), 0.0
    while True:
        try:
            return work()
        except Exception as error:
            if not is_passing(error) or clock() - began >= PATIENCE_SECONDS:
                raise
        sleep(pause)
        pause = min(1.0, 2 * pause + 0.05)


_AWAY = "it does not answer"
_LOGIN = "check the connection's login and password"
_RIGHTS = "the role lacks a right: have it granted"
_TLS = "check the TLS settings in the connection's extra"

# psycopg has no code of a connection that failed, so its words must do. They are the server's or libpq's.
_WORDS = (
    (r"password authentication failed|wrong password|SASL authentication failed", "28P01"),
    (r"no password supplied", "28P01"),
    (r"no pg_hba\.conf entry|authentication failed|not permitted to log in", "28000"),
    (r"role \"[^\"]*\" does not exist|no such user", "28000"),
    (r"database \"[^\"]*\" does not exist|no such database", "3D000"),
    (r"permission denied for database|CONNECT privilege", "42501"),
    (r"unsupported startup parameter|unrecognized configuration parameter|invalid command-line arg", "22023"),
    (r"too many (clients|connections)|connection slots are reserved|no more connections allowed", "53300"),
    (r"starting up|shutting down|in recovery mode|not yet accepting connections", "57P03"),
)
_UNTRUSTED = re.compile(
    r"does not support SSL|certificate|sslmode|private key|CERTIFICATE_VERIFY|WRONG_VERSION|unknown ca"
)
_WRONG = re.compile(
    r"invalid (?!socket)\S+( \S+)? value|invalid connection option|invalid integer value|invalid port"
)

_SQLSTATES = {
    "28P01": _LOGIN,
    "28000": _LOGIN,
    "3D000": "there is no such database: check the connection's schema",
    "3F000": "there is no such schema",
    "42501": _RIGHTS,
    "42P01": "a table is missing there",
    "22023": "the server, or a pooler before it, does not take one of the connection's extras",
    "25006": "it can only be read: it is a standby",
    "53100": "its disk is full",
    "53300": "it has too many connections",
    "55P03": "another session holds a lock",
    "57014": "it takes longer than the role's time-outs allow",
}
_PASSING_CLASSES = ("08", "40", "53", "57", "58")
_PASSING_STATES = frozenset({"25006", "25P03", "26000", "55P03", "55006"})
_FINAL_STATES = frozenset({"57P04"})  # the database was dropped

_SQLITE = {
    "SQLITE_CANTOPEN": "the file cannot be opened: check the connection's path, and who may write there",
    "SQLITE_NOTADB": "the file is not an SQLite database",
    "SQLITE_READONLY": "the file, or its folder, cannot be written",
    "SQLITE_PERM": "the file cannot be written",
    "SQLITE_CORRUPT": "the file is damaged",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk fails, or is full",
    "SQLITE_BUSY": "another session holds a lock",
    "SQLITE_LOCKED": "another session holds a lock",
}
_SQLITE_PASSING = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL", "SQLITE_FULL", "SQLITE_IOERR")

_REDIS = {
    "AuthenticationError": "WRONGPASS",
    "AuthorizationError": "NOPERM",
    "NoPermissionError": "NOPERM",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "OutOfMemoryError": "OOM",
    "ClusterDownError": "CLUSTERDOWN",
    "MasterDownError": "MASTERDOWN",
    "TryAgainError": "TRYAGAIN",
    "MovedError": "MOVED",
    "AskError": "ASK",
    "NoScriptError": "NOSCRIPT",
}
_REDIS_CODES = {
    "WRONGPASS": _LOGIN,
    "NOAUTH": _LOGIN,
    "NOPERM": "the user lacks a right: have it granted",
    "LOADING": "it is loading its data",
    "READONLY": "it can only be read: it is a replica",
    "OOM": "its memory is full",
    "MISCONF": "it cannot write to its disk",
    "NOREPLICAS": "too few of its replicas are available",
    "MOVED": 'it is a cluster: set the extra "cluster" to true',
    "WRONGTYPE": "something else has that key",
}
_REDIS_PASSING = frozenset(
    {"LOADING", "READONLY", "OOM", "MISCONF", "NOREPLICAS", "CLUSTERDOWN", "MASTERDOWN", "TRYAGAIN", "ASK"}
    | {"NOSCRIPT", "BUSY", "UNKILLABLE"}
)
# MySQL and MariaDB: their own codes, for half of them share one SQL state.
_MYSQL = {
    **dict.fromkeys((1044, 1045, 1130, 1698, 1820, 1862, 2059, 2061), _LOGIN),
    1049: "there is no such database: check the connection's schema",
    **dict.fromkeys((1142, 1143, 1227, 1370), "the user lacks a right: have it granted"),
    2026: _TLS,
    1040: "it has too many connections",
    1203: "it has too many connections",
    1226: "it has too many connections",
    1021: "its disk is full",
    1205: "another session holds a lock",
    1213: "another session holds a lock",
    **dict.fromkeys((1290, 1836), "it can only be read: it is a replica"),
    3024: "it takes longer than the server's time-outs allow",
    1969: "it takes longer than the server's time-outs allow",
}
_MYSQL_PASSING = frozenset(
    {1021, 1040, 1042, 1043, 1053, 1080, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1203, 1205, 1213, 1226}
    | {1290, 1317, 1836, 1927, 1969, 2002, 2003, 2004, 2005, 2006, 2012, 2013, 2014, 2055, 3024, 4031}
)
_MYSQL_DRIVERS = frozenset({"pymysql", "mysqldb", "mysql", "mariadb"})
_DUCKDB_LOCKED = re.compile(r"Could not set lock|Conflicting lock")
_DENIED = re.compile(
    r"username or password|authenticat|access denied|unauthori[sz]ed|(token|credentials?|api key)\b.*invalid"
    r"|invalid\b.*(token|credentials?|api key|password)|\b401\b",
    re.IGNORECASE,
)
"""How other drivers say that a login is wrong, whatever state they give it (Snowflake: that of a failure)."""


def outage_of(error: BaseException) -> Outage:
    """Say what an error of a driver means, SQLAlchemy's around it or not."""
    cause = getattr(error, "orig", None) or error
    kind = type(cause)
    module = kind.__module__.partition(".")[0].lstrip("_").lower()
    if module == "redis":
        return _of_redis(cause)
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if module in _MYSQL_DRIVERS:
        return _of_mysql(cause)
    if module == "duckdb":
        return _of_duckdb(cause)
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    of_postgres = module in {"psycopg", "psycopg2", "psycopg_pool", "asyncpg"}
    if not of_postgres and not isinstance(cause, OSError) and _DENIED.search(str(cause)):
        return Outage(kind.__name__, False, _LOGIN)
    if isinstance(state, str):
        return _of_state(kind.__name__, state)
    if isinstance(cause, OSError):
        return Outage(kind.__name__, True, _AWAY)
    if of_postgres:
        return _of_words(cause)
    passing = kind.__name__ in {"OperationalError", "InterfaceError", "TimeoutError"}
    return Outage(kind.__name__, passing, _AWAY if passing else "")


def mysql_code(error: BaseException) -> int | None:
    """Return the code of an error of MySQL's or MariaDB's drivers; None where it is none, or has none."""
    if type(error).__module__.partition(".")[0].lower() not in _MYSQL_DRIVERS:
        return None
    code = getattr(error, "errno", None) or next(iter(error.args), None)
    return code if type(code) is int and code > 0 else None


def _of_mysql(error: BaseException) -> Outage:
    name, code = type(error).__name__, mysql_code(error)
    if code is None:
        passing = name in {"OperationalError", "InterfaceError"}
        return Outage(name, passing, _AWAY if passing else "")
    passing = code in _MYSQL_PASSING
    return Outage(f"{name} {code}", passing, _MYSQL.get(code, _AWAY if passing else ""))


def _of_duckdb(error: BaseException) -> Outage:
    name = type(error).__name__
    if name != "IOException":
        return Outage(name, False, "")
    if _DUCKDB_LOCKED.search(str(error)):
        return Outage(name, True, "another process has the file open")
    return Outage(name, False, "the file cannot be opened: check the connection's path")


def _of_state(name: str, state: str) -> Outage:
    passing = state in _PASSING_STATES or (state[:2] in _PASSING_CLASSES and state not in _FINAL_STATES)
    return Outage(f"{name} {state}", passing, _SQLSTATES.get(state, _AWAY if passing else ""))


def _of_words(error: BaseException) -> Outage:
    """Judge an error of PostgreSQL's driver that has no code."""
    name, words = type(error).__name__, str(error)
    for pattern, state in _WORDS:
        if re.search(pattern, words):
            return _of_state(name, state)
    if _UNTRUSTED.search(words) and "Connection refused" not in words:
        return Outage(name, False, _TLS)
    if _WRONG.search(words) or name not in {
        "OperationalError",
        "InterfaceError",
        "ConnectionTimeout",
        "PoolTimeout",
    }:
        return Outage(name, False, "check the connection's extra")
    return Outage(name, True, _AWAY)


def _of_sqlite(error: sqlite3.Error) -> Outage:
    code = str(getattr(error, "sqlite_errorname", None) or "")
    remedy = next((found for start, found in _SQLITE.items() if code.startswith(start)), "")
    return Outage(f"{type(error).__name__} {code}".rstrip(), code.startswith(_SQLITE_PASSING), remedy)


def _of_redis(error: BaseException) -> Outage:
    name, words = type(error).__name__, str(error)
    code = str(getattr(error, "status_code", None) or "")
    if not code or code == "ERR":
        # Before version 7, what stopped a script stands somewhere in what is said of the script.
        found = re.search(r"(?:^|-)([A-Z]{3,}) ", words.removeprefix("ERR "))
        code = _REDIS.get(name, "") or (found[1] if found else "")
    named = f"{name} {code}".rstrip()
    if code in _REDIS_CODES or code in _REDIS_PASSING:
        return Outage(named, code in _REDIS_PASSING, _REDIS_CODES.get(code, _AWAY))
    if _UNTRUSTED.search(words):
        return Outage(named, False, _TLS)
    passing = name in {"ConnectionError", "TimeoutError", "ClusterError", "RedisClusterException"}
    passing = passing or name in {"MaxConnectionsError", "SlotNotCoveredError"}
    return Outage(named, passing, _AWAY if passing else "")
