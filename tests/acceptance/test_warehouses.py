"""A push out of any warehouse: by the hook of its connection, with a .sql file and parameters."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, BaseHook, task
from mariadb import private_mariadb
from own_airflow import serialized
from warehouses import DuckDBHook, MySqlHook, register

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.lineage.datasets import origin_of_sql, without_places
from airflow_profile_provider.operators.crosswalk import TranslateKeysOperator
from airflow_profile_provider.sources.announced import Announced, Outbox
from airflow_profile_provider.sources.watching import unmarked

from .conftest import OpenRig
from .rig import Rig, counts

IDS = ("1001", "1002", "1003")
ROWS = [("1001", "Ada", "fi"), ("1002", "Grace", "us"), ("1003", "Linus", "fi")]
CANARY = "Canary-Country"


@pytest.fixture
def ocamba(open_rig: OpenRig) -> Rig:
    rig = open_rig("ocamba")
    for key in IDS:
        rig.stand_in.profiles[key] = {"full_name": "before", "email": "before@example.com", "comment": ""}
    return rig


def names(rig: Rig) -> list[Any]:
    return [profile["full_name"] for profile in rig.stand_in.profiles.values()]


@pytest.fixture
def duckdb_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DuckDB with three people, behind the connection "warehouse"."""
    duckdb = pytest.importorskip("duckdb")
    register(DuckDBHook)
    path = tmp_path / "people.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table people (id text, name text, country text)")
        connection.executemany("insert into people values (?, ?, ?)", ROWS)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "duckdb", "host": str(path)}))
    monkeypatch.setenv(
        "AIRFLOW_CONN_LEDGER", json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")})
    )
    return path


@pytest.fixture(scope="module")
def mariadb() -> Iterator[dict[str, Any]]:
    register(MySqlHook)
    with private_mariadb() as store:
        yield store


QUERY = "select id, name from people where country = ? order by id"
PUSH: dict[str, Any] = {"sql_conn_id": "warehouse", "key": "id", "fields": {"full_name": "name"}}


def operator(rig: Rig, **options: Any) -> Any:
    return rig.operator_class(task_id="push", **{**PUSH, **options})


def rendered(push: Any, folder: Path, **context: Any) -> Any:
    """Render an operator's templates as a task of a DAG in the folder does."""
    with DAG("d", schedule=None, template_searchpath=[str(folder)]) as dag:
        dag.add_task(push)
    push.render_template_fields({"params": {}, "task": push, **context}, dag.get_template_env())
    return push


# -- parameters -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("duckdb_file")
def test_a_sql_file_with_parameters_is_pushed(ocamba: Rig, tmp_path: Path) -> None:
    (tmp_path / "people.sql").write_text(f"-- people of a country\n{QUERY}; -- the end\n")
    push = operator(ocamba, sql="people.sql", parameters=["{{ params.country }}"])
    found = rendered(push, tmp_path, params={"country": "fi"}).execute({})
    assert counts(found) == {"pushed": 2}
    assert names(ocamba) == ["Ada", "before", "Linus"]


@pytest.mark.usefixtures("duckdb_file")
@pytest.mark.parametrize(
    ("place", "parameters"),
    [("?", ["fi"]), ("?", ("fi",)), ("$country", {"country": "fi"}), ("?", '["fi"]'), ("?", "('fi',)")],
)
def test_parameters_are_values_in_order_or_by_name(ocamba: Rig, place: str, parameters: Any) -> None:
    report = ocamba.hook.push(sql=QUERY.replace("?", place), parameters=parameters, **PUSH)
    assert counts(report) == {"pushed": 2}


@pytest.mark.parametrize("given", [{"country": CANARY}, [CANARY], f'["{CANARY}"]'])
def test_a_rendered_field_shows_the_names_of_parameters_alone(ocamba: Rig, given: Any) -> None:
    """G7: a form may hand a profile's value in."""
    push = operator(ocamba, sql=QUERY, parameters=given)
    shown = json.dumps(push.parameters, default=str)
    assert CANARY not in shown + repr(push.parameters)
    assert "***" in shown


def test_a_template_is_shown_until_it_is_rendered(ocamba: Rig, tmp_path: Path) -> None:
    push = operator(
        ocamba, sql=QUERY, parameters={"country": "{{ params.country }}", "since": date(2026, 1, 2)}
    )
    assert push.parameters["country"] == "{{ params.country }}"
    rendered(push, tmp_path, params={"country": CANARY})
    assert str(push.parameters) == str({"country": "***", "since": "***"})
    assert push.parameters.parameters == {"country": CANARY, "since": date(2026, 1, 2)}


@pytest.mark.parametrize(
    "given",
    [
        {"day": "{{ ds }}", "country": CANARY},
        ["{{ ds }}", (CANARY, "{{ ds }}")],
        {"day": "{{ ds }}", "countries": [CANARY]},
    ],
)
def test_a_value_beside_a_template_is_not_stored_with_the_dag(
    ocamba: Rig, tmp_path: Path, given: Any
) -> None:
    with DAG("d", schedule=None) as dag:
        operator(ocamba, sql=QUERY, parameters=given)
        partly = ocamba.operator_class.partial(task_id="mapped", sql=QUERY, **PUSH)
        partly.expand(parameters=[given])
    stored = json.dumps(serialized(dag), default=str)
    assert "{{ ds }}" in stored
    assert CANARY not in stored
    push = rendered(operator(ocamba, sql=QUERY, parameters=given), tmp_path, ds="2026-01-02")
    bound = json.loads(json.dumps(given).replace("{{ ds }}", "2026-01-02"))
    assert json.loads(json.dumps(push.parameters.parameters)) == bound


def test_what_another_task_returns_may_be_a_parameter(ocamba: Rig) -> None:
    with DAG("d", schedule=None):

        @task
        def since() -> str:
            return "2026-01-02"

        push = operator(ocamba, sql=QUERY, parameters=[since()])
    assert push.upstream_task_ids == {"since"}


def test_a_mapped_task_may_have_parameters_of_its_own(ocamba: Rig) -> None:
    with DAG("d", schedule=None):
        push = ocamba.operator_class.partial(task_id="push", sql=QUERY, **PUSH).expand(
            parameters=[[CANARY], [CANARY]]
        )
    assert CANARY not in repr(push.expand_input.value)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("Zanzibar", "parameters must be a mapping of name to value, or a list of values, not str"),
        (5, "not int"),
        ({1: "a"}, "not dict"),
        ([{"id": "Zanzibar"}], "parameters must be values, and are objects"),
    ],
)
def test_what_cannot_be_parameters_is_refused_by_name(ocamba: Rig, given: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        ocamba.hook.push(sql=QUERY, parameters=given, **PUSH)
    assert "Zanzibar" not in str(caught.value)


def test_parameters_without_a_query_are_refused(ocamba: Rig) -> None:
    with pytest.raises(ConfigurationError, match="parameters are bound to a query: give sql"):
        ocamba.hook.push([], parameters=["fi"])


@pytest.mark.usefixtures("duckdb_file")
def test_a_parameter_that_does_not_fit_is_in_no_log_and_no_error(
    ocamba: Rig, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(SourceError) as caught:
        ocamba.hook.push(
            sql="select id, name from people where 5 = cast(? as int)", parameters=[CANARY], **PUSH
        )
    error = caught.value
    said = f"{error} {error.__context__!r} {error.__cause__!r} {caplog.text} {capsys.readouterr()}"
    assert CANARY not in said


@pytest.mark.usefixtures("duckdb_file")
@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("", "sql"),
        ("-- nothing yet", "sql is empty"),
        ("select 1; select 2", "several statements"),
        ("drop table people", "sql must be a query: drop"),
        ("people.sql", "sql is the name of a file"),
    ],
)
def test_a_query_that_is_none_fails_the_task_for_good(ocamba: Rig, sql: str, why: str) -> None:
    with pytest.raises(AirflowFailException, match=why):
        operator(ocamba, sql=sql, _airflow_from_mapped=True).execute({})  # as a template left it
    assert ocamba.stand_in.requests == []


# -- DuckDB: a cursor -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("duckdb_file")
def test_duckdb_with_a_ledger_sends_what_changed(ocamba: Rig, duckdb_file: Path) -> None:
    import duckdb

    push: dict[str, Any] = {
        "sql": "select id, name from people order by id",
        "ledger_conn_id": "ledger",
        **PUSH,
    }
    assert counts(ocamba.hook.push(**push)) == {"pushed": 3}
    with duckdb.connect(str(duckdb_file)) as connection:
        connection.execute("update people set name = 'Admiral Grace' where id = '1002'")
    assert counts(ocamba.hook.push(**push)) == {"unchanged": 2, "pushed": 1}
    assert names(ocamba)[1] == "Admiral Grace"


@pytest.mark.usefixtures("duckdb_file")
def test_explain_finds_the_row_of_a_key_with_the_parameters_of_the_push(ocamba: Rig) -> None:
    explained = ocamba.hook.explain("1003", sql=QUERY, parameters=["fi"], **PUSH)
    assert explained.read == 2
    assert [row.content for row in explained.rows] == [{"id": "1003", "name": "Linus"}]


def test_a_file_that_another_process_has_open_is_tried_again_by_airflow(
    ocamba: Rig, duckdb_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_profile_provider import outages

    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.1)
    code = f"import duckdb; c = duckdb.connect({str(duckdb_file)!r}); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout and other.stdin
        assert other.stdout.readline() == "open\n"
        with pytest.raises(Exception, match="another process has the file open") as caught:
            operator(ocamba, sql=QUERY, parameters=["fi"]).execute({})
        other.stdin.close()
    assert not isinstance(caught.value, AirflowFailException)


def test_a_duckdb_that_is_not_there_is_final(ocamba: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb")
    register(DuckDBHook)
    found = {"conn_type": "duckdb", "host": "/nowhere/at/all.duckdb"}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(found))
    with pytest.raises(AirflowFailException, match=r"'warehouse' cannot be used \(IOException\).*path"):
        operator(ocamba, sql=QUERY, parameters=["fi"]).execute({})


@pytest.mark.usefixtures("duckdb_file")
def test_a_driver_that_is_missing_is_named_also_where_its_hook_rewords_it(
    ocamba: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(AirflowFailException, match="duckdb is missing; install it"):
        operator(ocamba, sql=QUERY, parameters=["fi"]).execute({})


def test_a_crosswalks_parameters_are_not_stored_with_the_dag() -> None:
    given = {"task_id": "partly", "keys": "keys.txt", "to_path": "to.txt", "sql": "select 1"}
    given |= {"sql_conn_id": "warehouse", "from_column": "id", "to_column": "name"}
    with DAG("d", schedule=None, default_args={"parameters": [CANARY]}) as dag:
        TranslateKeysOperator(**given | {"task_id": "by_default"})
    assert CANARY not in json.dumps(serialized(dag), default=str)
    with DAG("d", schedule=None) as dag:
        TranslateKeysOperator.partial(**given | {"parameters": [CANARY]}).expand_kwargs(
            [{"to_path": "a.txt"}]
        )
        TranslateKeysOperator.partial(**given | {"task_id": "mapped"}).expand(parameters=[[CANARY]])
    assert CANARY not in json.dumps(serialized(dag), default=str)


@pytest.mark.usefixtures("duckdb_file")
def test_a_crosswalk_may_be_in_any_warehouse(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("1001\n1003\n9999\n")
    translate = TranslateKeysOperator(
        task_id="translate",
        keys=str(tmp_path / "keys.txt"),
        to_path=str(tmp_path / "to.txt"),
        sql="select id, name from people where country = ?",
        parameters=["fi"],
        sql_conn_id="warehouse",
        from_column="id",
        to_column="name",
    )
    assert str(translate.parameters) == "['***']"
    assert translate.execute({}) == {"keys": 3, "missing": 1}
    assert sorted((tmp_path / "to.txt").read_text().split()) == ["Ada", "Linus"]


@pytest.mark.usefixtures("duckdb_file")
def test_an_outbox_in_a_database_without_a_dialect_is_refused_by_name(ocamba: Rig) -> None:
    with pytest.raises(ConfigurationError, match="SQLAlchemy knows no database of type duckdb"):
        ocamba.hook.push(Announced(Outbox()), sql_conn_id="warehouse")


# -- MariaDB ----------------------------------------------------------------------------------------------


@pytest.fixture
def mysql(mariadb: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The MariaDB, behind the connection "warehouse"."""
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(mariadb))
    _execute(
        mariadb,
        "drop table if exists people, profile_outbox",
        "create table people (id bigint unsigned primary key, name text, country char(2))",
        "insert into people values (1001, 'Ada', 'fi'), (1002, 'Grace', 'us'), (1003, 'Linus', 'fi')",
    )
    return mariadb


def _execute(store: dict[str, Any], *statements: str) -> list[Any]:
    import pymysql

    with pymysql.connect(
        host=store["host"],
        port=store["port"],
        user=store["login"],
        password=store["password"],
        database=store["schema"],
        autocommit=True,
    ) as connection:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        return list(cursor.fetchall())


@pytest.mark.usefixtures("mysql")
def test_mysql_is_pushed_with_parameters(ocamba: Rig) -> None:
    sql = "select id, name from people where country = %(country)s and name not like 'x%%'"
    report = ocamba.hook.push(sql=sql, parameters={"country": "fi"}, **PUSH)
    assert counts(report) == {"pushed": 2}
    assert names(ocamba) == ["Ada", "before", "Linus"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [({"password": "wr0ng-passw0rd"}, 1045), ({"schema": "nowhere"}, 1044), ({"login": "nobody"}, 1045)],
)
def test_a_login_that_mysql_refuses_is_final(
    ocamba: Rig, mysql: dict[str, Any], monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], code: int
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**mysql, **changed}))
    with pytest.raises(
        AirflowFailException, match=rf"'warehouse' cannot be used \(OperationalError {code}\)"
    ):
        operator(ocamba, sql="select id, name from people").execute({})


def test_a_mysql_that_is_away_is_tried_again_by_airflow(
    ocamba: Rig, mysql: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_profile_provider import outages

    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({**mysql, "port": 1}))
    with pytest.raises(Exception, match=r"\(OperationalError 2003\).*it does not answer") as caught:
        operator(ocamba, sql="select id, name from people").execute({})
    assert not isinstance(caught.value, AirflowFailException)


def test_an_outbox_in_mysql_is_pushed_and_marked(ocamba: Rig, mysql: dict[str, Any]) -> None:
    _execute(
        mysql,
        "create table profile_outbox (id bigint unsigned auto_increment primary key, `key` varchar(200), "
        "fields json, delivered varchar(20))",
        """insert into profile_outbox (`key`, fields) values
        ('1001', '{"full_name": "Ada"}'), ('1002', '{"full_name": "Grace"}')""",
    )
    watcher = engine_of(BaseHook.get_connection("warehouse"), create=False)
    assert unmarked(watcher, "profile_outbox", "id", ["delivered"]).ids == [1, 2]
    watcher.dispose()
    report = ocamba.hook.push(Announced(Outbox()), sql_conn_id="warehouse")
    assert counts(report) == {"pushed": 2}
    assert names(ocamba)[:2] == ["Ada", "Grace"]
    assert _execute(mysql, "select delivered from profile_outbox") == [("pushed",)] * 2


# -- lineage ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("duckdb_file")
def test_the_tables_of_a_query_with_parameters_are_named_by_the_hook_of_the_connection() -> None:
    connection = BaseHook.get_connection("warehouse")
    sql = without_places("select id, name from people where country = %(country)s and name like 'x%%'")
    assert origin_of_sql(connection, sql).datasets == (("duckdb", "people.main.people"),)
