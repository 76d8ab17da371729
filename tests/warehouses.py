"""Warehouses that Airflow reaches by the hooks of other providers, and how such hooks get registered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook
from own_airflow import AIRFLOW_VERSION
from sqlalchemy import URL

if AIRFLOW_VERSION >= (3, 2):  # where tasks look for hooks
    from airflow.sdk.providers_manager_runtime import HookInfo
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime as ProvidersManager
else:
    from airflow.providers_manager import HookInfo, ProvidersManager


class DuckDBHook(DbApiHook):
    """As the hook of a provider of DuckDB: a driver of Python's database API, and no dialect."""

    conn_name_attr = "duckdb_conn_id"
    default_conn_name = "duckdb_default"
    conn_type = "duckdb"
    placeholder = "?"

    def get_conn(self) -> Any:
        """Open the file that is the connection's host."""
        try:
            import duckdb
        except ImportError:  # as Airflow's hook of MySQL does
            raise RuntimeError("You do not have the driver installed.")  # noqa: B904

        return duckdb.connect(self.connection.host or ":memory:")

    def get_uri(self) -> str:
        """Return the address as a dialect of DuckDB would want it."""
        return f"duckdb:///{self.connection.host}"

    def get_openlineage_database_info(self, connection: Any) -> Any:
        """Name the database as OpenLineage does."""
        from airflow.providers.openlineage.sqlparser import DatabaseInfo

        return DatabaseInfo(scheme="duckdb", authority=None, database=Path(str(connection.host)).stem)

    def get_openlineage_default_schema(self) -> str:
        """Return the schema of a bare name."""
        return "main"


class MySqlHook(DbApiHook):
    """As the hook of Airflow's provider of MySQL, with PyMySQL: the address lacks what the extra has."""

    conn_name_attr = "mysql_conn_id"
    default_conn_name = "mysql_default"
    conn_type = "mysql"
    supports_autocommit = True

    def get_conn(self) -> Any:
        """Connect with all that the connection says."""
        import pymysql
        import pymysql.cursors

        found = self.connection
        if found.extra_dejson.get("client") == "pymysql":
            raise ValueError("Unknown MySQL client name provided!")
        kinds = {"dictcursor": pymysql.cursors.DictCursor, "": pymysql.cursors.Cursor}
        return pymysql.connect(
            host=found.host,
            port=found.port or 3306,
            user=found.login,
            password=found.password or "",
            database=found.schema,
            charset=found.extra_dejson.get("charset", "utf8mb4"),
            cursorclass=kinds[found.extra_dejson.get("cursor", "")],
            init_command=found.extra_dejson.get("init_command"),
        )

    @property
    def sqlalchemy_url(self) -> URL:
        """Return the address; the password is in it only for a client that the hook does not know."""
        found = self.connection
        password = found.password if found.extra_dejson.get("client") == "pymysql" else None
        return URL.create("mysql+pymysql", found.login, password, found.host, found.port, found.schema)


def register(hook: type[DbApiHook]) -> None:
    """Make a hook known by its type of connections, as its provider's metadata would."""
    hooks: Any = ProvidersManager().hooks
    hooks[hook.conn_type] = HookInfo(
        hook_class_name=f"{hook.__module__}.{hook.__name__}",
        connection_id_attribute_name=hook.conn_name_attr,
        package_name="another-provider",
        hook_name=hook.__name__,
        connection_type=hook.conn_type,
        connection_testable=False,
    )
