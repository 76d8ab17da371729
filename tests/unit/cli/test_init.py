"""``airflow profiles init``: its DAG pushes the table, and what names do not tell is not guessed."""

from __future__ import annotations

import ast
import csv
import importlib.util
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_profile_provider.sandbox import Sandbox

from .running import run, run_all

Rows = Sequence[Mapping[str, str]]


def table(path: Path, rows: Rows) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def pushed_by(file: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a DAG file, and run its one task outside of Airflow; return the report and the operator."""
    made: list[DAG] = []
    remember = DAG.__attrs_post_init__  # type: ignore[attr-defined]

    def note(dag: DAG) -> None:
        remember(dag)
        made.append(dag)

    spec = importlib.util.spec_from_file_location("written", file)
    assert spec and spec.loader
    with monkeypatch.context() as patched:
        patched.setattr(DAG, "__attrs_post_init__", note)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    (dag,) = made
    (push,) = dag.tasks
    return push.execute({}), push  # type: ignore[attr-defined]


# -- each vendor -------------------------------------------------------------------------------------------

PEOPLE: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    # the column of the key, the others with their values, and the field that each of them is
    "sonoran": (
        "username",
        {"DISPLAY-NAME": "Ann Åberg {n}", "location": "Turku {n}", "shoe_size": "{n}"},
        {
            "DISPLAY-NAME": "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90",
            "location": "2a8b0e4d-7f3c-4c90-9d5e-6f708b9cad12",
        },
    ),
    "communifire": (
        "UserID",
        {"First name": "Ann {n}", "Company": "Company {n}", "email": "ann{n}@example.com"},
        {"First name": "First name", "Company": "Company"},
    ),
    "agilenow": (
        "external_id",
        {"first_name": "Ann{n}", "lastName": "Åberg", "notify_by_email": "false", "shoe_size": "{n}"},
        {"first_name": "FirstName", "lastName": "LastName", "notify_by_email": "NotifyByEmail"},
    ),
    "lightfield": (
        "account_id",
        {"Name": "Company {n}", "last_funding_type": "", "linked-in": "company/c{n}", "shoe": "{n}"},
        {"Name": "$name", "linked-in": "$linkedIn"},
    ),
    "ocamba": (
        "ocamba_id",
        {"E-Mail": "ann{n}@example.com", "FullName": "Ann Åberg {n}", "comment": "is {n}", "age": "4{n}"},
        {"E-Mail": "email", "FullName": "full_name", "comment": "comment"},
    ),
}
KEYS = {
    "sonoran": lambda key, known: known["username"],
    "communifire": lambda key, known: key,
    "agilenow": lambda key, known: known["ExternalId"],
    "lightfield": lambda key, known: key,
    "ocamba": lambda key, known: key,
}


def people(sandbox: Sandbox, vendor: str) -> tuple[Rows, dict[str, dict[str, Any]]]:
    """A table of people, and what the vendor should hold once it was pushed."""
    key_column, columns, fields = PEOPLE[vendor]
    rows, wanted = [], {}
    for n, (key, known) in enumerate(sandbox.keys(vendor).items()):
        values = {column: value.format(n=n) for column, value in columns.items()}
        rows.append({key_column: str(KEYS[vendor](key, known)), **values})
        wanted[key] = {name: values[column] for column, name in fields.items()}
    return rows, wanted


def held(sandbox: Sandbox, vendor: str, wanted: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the vendor holds of the fields that are wanted, as text."""
    profiles = sandbox.profiles(vendor)
    return {
        key: {
            name: value if isinstance(value := profiles[key].get(name), str) else json.dumps(value)
            for name in fields
        }
        for key, fields in wanted.items()
    }


@pytest.mark.parametrize("vendor", PEOPLE)
def test_the_dag_that_it_writes_pushes_the_table(
    vendor: str,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, wanted = people(sandbox, vendor)
    source = table(tmp_path / "people.csv", rows)
    before = sandbox.profiles(vendor)
    status, said = run(
        capsys,
        *("init", "--conn-id", f"{vendor}_default", "--records", str(source)),
        *("--output", str(tmp_path / "dag.py")),
    )
    assert status == 0, said
    assert f"Of the first {len(rows)} rows, {len(rows)} could be sent." in said
    assert sandbox.profiles(vendor) == before
    report, task = pushed_by(tmp_path / "dag.py", monkeypatch)
    assert (report["received"], report["pushed"]) == (len(rows), len(rows)), report
    assert held(sandbox, vendor, wanted) == wanted
    assert task.fields == {name: column for column, name in PEOPLE[vendor][2].items()} | (
        {"$lastFundingType": "last_funding_type"} if vendor == "lightfield" else {}
    )


@pytest.mark.parametrize("vendor", PEOPLE)
def test_the_file_is_formatted_and_holds_no_value(
    vendor: str, sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, _ = people(sandbox, vendor)
    source = table(tmp_path / "people.csv", rows)
    status, text, _ = run_all(
        capsys, "init", "--conn-id", f"{vendor}_default", "--records", str(source), "--output", "-"
    )
    assert status == 0
    (file := tmp_path / "written.py").write_text(text)
    for width in ("88", "110"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", f"--line-length={width}", file],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "I,F,UP", file], check=True
    )
    values = {value for row in rows for value in row.values() if len(value) > 2}
    assert [value for value in values if value in text] == []


# -- what is not guessed -----------------------------------------------------------------------------------


def matched(
    capsys: pytest.CaptureFixture[str], source: Path, *more: str, vendor: str = "ocamba"
) -> tuple[dict[str, Any], str]:
    """Write a DAG to standard output; return the arguments of its push, and what was said."""
    words = ("init", "--conn-id", f"{vendor}_default", "--records", str(source), "--output", "-", *more)
    status, text, said = run_all(capsys, *words)
    assert status == 0, status
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    (call,) = (node for node in calls if "Operator" in ast.unparse(node.func))
    return {one.arg: ast.literal_eval(one.value) for one in call.keywords if one.arg}, text + said


def one(path: Path, **columns: str) -> Path:
    return table(path / "people.csv", [{"ocamba_id": "17430755068736100383", **columns}])


def test_two_columns_for_one_field_are_left_to_decide(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, said = matched(capsys, one(tmp_path, **{"E-Mail": "a", "e_mail": "b", "comment": "c"}))
    assert given["fields"] == {"comment": "comment"}
    assert '# "email": "E-Mail",' in said
    assert '# "email": "e_mail",' in said


def test_the_column_that_has_the_fields_very_name_is_the_field(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, said = matched(capsys, one(tmp_path, **{"E-Mail": "a", "email": "b"}))
    assert given["fields"] == {"email": "email"}
    assert "E-Mail: 'email' may be this field, too; perhaps email" in said


def test_what_is_only_like_a_field_is_proposed_and_not_pushed(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given, said = matched(capsys, one(tmp_path, email="a", phone="1", name="b", coment="c", age="4"))
    assert given["fields"] == {"email": "email"}
    for line in ('"mobile_phone_number": "phone"', '"full_name": "name"', '"comment": "coment"'):
        assert f"# {line},  # perhaps\n" in said
    assert '# column "age": no field has this name' in said


def test_a_read_only_field_is_not_mapped(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = next(iter(sandbox.profiles("lightfield")))
    source = table(tmp_path / "people.csv", [{"id": key, "name": "x", "account_status": "y"}])
    given, said = matched(capsys, source, vendor="lightfield")
    assert given["fields"] == {"$name": "name"}
    assert "$accountStatus is read-only" in said


def test_an_id_that_is_not_the_vendors_is_not_the_key(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = table(tmp_path / "people.csv", [{"id": "P-17", "email": "x"}])
    words = ("init", "--conn-id", "ocamba_default", "--records", str(source), "--output", "-")
    status, _ = run(capsys, *words)
    assert "no column is named like a key of Ocamba Hood (id) ('id' holds other values)" in str(status)
    assert "P-17" not in str(status)


def test_the_key_can_be_named(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = table(tmp_path / "people.csv", [{"member": "ann", "city": "x", "discord": "123"}])
    given, _ = matched(capsys, source, "--key", "member", "--key-type", "username", vendor="sonoran")
    assert (given["key"], given["key_type"]) == ("member", "username")
    status, _ = run(capsys, "init", "--conn-id", "sonoran_default", "--records", str(source), "--key", "nope")
    assert "there is no such column; the columns are 'member', 'city', 'discord'" in str(status)


def test_a_vendor_that_does_not_answer_is_matched_by_what_is_documented(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = {"conn_type": "lightfield", "host": "http://127.0.0.1:9", "password": "x", "extra": {"timeout": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_LIGHTFIELD_DEFAULT", json.dumps(away))
    source = table(tmp_path / "people.csv", [{"id": "acc_x1", "name": "x", "tier": "gold"}])
    given, said = matched(capsys, source, vendor="lightfield")
    assert given["fields"] == {"$name": "name"}
    assert "It did not tell its fields, so only documented ones are matched" in said


def test_no_dag_is_written_where_no_field_is_found(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = one(tmp_path, age="4")
    words = (
        "init",
        "--conn-id",
        "ocamba_default",
        "--records",
        str(source),
        "--output",
        str(tmp_path / "d.py"),
    )
    assert "no column is named like a field of Ocamba Hood" in str(run(capsys, *words)[0])
    assert not (tmp_path / "d.py").exists()


# -- sources and files -------------------------------------------------------------------------------------


@pytest.mark.parametrize("in_a_file", [False, True])
def test_a_query_is_a_source_too(
    in_a_file: bool,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, wanted = people(sandbox, "ocamba")
    names = list(rows[0])
    with closing(sqlite3.connect(tmp_path / "p.db")) as database, database:
        database.execute(f"create table people ({', '.join(json.dumps(name) for name in names)})")
        marks = ", ".join("?" for _ in names)
        database.executemany(f"insert into people values ({marks})", [tuple(row.values()) for row in rows])
    warehouse = {"conn_type": "sqlite", "host": str(tmp_path / "p.db")}
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps(warehouse))
    query = 'select *\nfrom people\nwhere "age" > 0'
    (tmp_path / "people.sql").write_text(query + "\n")
    given = str(tmp_path / "people.sql") if in_a_file else query
    status, said = run(
        capsys,
        *("init", "--conn-id", "ocamba_default", "--sql", given),
        *("--sql-conn-id", "warehouse", "--dag-id", "people", "--output", f"{tmp_path}/"),
        *("--rejects-path", f"{tmp_path}/rejects/", "--option", "batch_size=1"),
    )
    assert status == 0, said
    report, task = pushed_by(tmp_path / "people.py", monkeypatch)
    assert report["pushed"] == len(rows)
    assert held(sandbox, "ocamba", wanted) == wanted
    assert (task.sql_conn_id, task.batch_size, task.dag_id) == ("warehouse", 1, "people")
    assert task.sql.strip() == query


def as_parquet(path: Path, rows: Rows) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path / "people.parquet")
    return path / "people.parquet"


def as_folder(path: Path, rows: Rows) -> Path:
    (folder := path / "people").mkdir()
    for number, row in enumerate(rows):
        table(folder / f"part-{number}.csv", [row])
    return folder


def as_json(path: Path, rows: Rows) -> Path:
    (path / "people.json").write_text(json.dumps(list(rows)))
    return path / "people.json"


@pytest.mark.parametrize("written", [as_parquet, as_folder, as_json])
def test_any_form_of_records_is_a_source(
    written: Callable[[Path, Rows], Path],
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows, wanted = people(sandbox, "ocamba")
    source, output = written(tmp_path, rows), str(tmp_path / "dag.py")
    words = ("init", "--conn-id", "ocamba_default", "--records", str(source), "--output", output)
    assert run(capsys, *words)[0] == 0
    assert pushed_by(tmp_path / "dag.py", monkeypatch)[0]["pushed"] == len(rows)
    assert held(sandbox, "ocamba", wanted) == wanted


def test_options_of_reading_are_used_and_written_down(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, wanted = people(sandbox, "ocamba")
    source = tmp_path / "people.csv"
    lines = [";".join(rows[0]), *(";".join(row.values()) for row in rows)]
    source.write_text("\n".join(lines), encoding="cp1252")
    words = ("init", "--conn-id", "ocamba_default", "--records", str(source))
    words = (*words, "--output", str(tmp_path / "dag.py"))
    half = ("--option", 'csv={"encoding": "cp1252"}')
    assert """say --option 'csv={"delimiter": ";"}'""" in str(run(capsys, *words, *half)[0])
    given = '{"delimiter": ";", "encoding": "cp1252"}'
    assert run(capsys, *words, "--option", f"csv={given}")[0] == 0
    assert f"csv={given}," in (tmp_path / "dag.py").read_text()
    assert pushed_by(tmp_path / "dag.py", monkeypatch)[0]["pushed"] == len(rows)
    given = given.replace("}", ', "quotechar": "|", "null_values": ["NULL", "none at all"]}')
    assert run(capsys, *words, "--force", "--option", f"csv={given}")[0] == 0
    assert '"delimiter": ";",\n' in (tmp_path / "dag.py").read_text()
    assert pushed_by(tmp_path / "dag.py", monkeypatch)[0]["pushed"] == len(rows)
    assert held(sandbox, "ocamba", wanted) == wanted


def test_changes_need_no_mapping(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = next(iter(sandbox.profiles("ocamba")))
    source = tmp_path / "changes.jsonl"
    source.write_text(json.dumps({"key": key, "fields": {"comment": "new"}}) + "\n")
    given, said = matched(capsys, source)
    assert "fields" not in given
    assert "a change already" in said


def test_rejects_are_for_replay(sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "rejects.jsonl"
    reject = {"key": "1", "fields": {"comment": "x"}, "verdict": "failed", "reason": "", "position": 1}
    source.write_text(json.dumps(reject) + "\n")
    status, _ = run(capsys, "init", "--conn-id", "ocamba_default", "--records", str(source))
    assert "`airflow profiles replay` pushes them again" in str(status)


def test_a_file_is_replaced_only_by_force(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "dag.py").write_text("mine")
    source = one(tmp_path, email="a")
    words = ("init", "--conn-id", "ocamba_default", "--records", str(source), "--output", str(file))
    assert "is there already" in str(run(capsys, *words)[0])
    assert file.read_text() == "mine"
    assert run(capsys, *words, "--force")[0] == 0
    assert "OcambaPushProfilesOperator(" in file.read_text()


@pytest.mark.parametrize(("folder", "is_told"), [("elsewhere", True), ("dags", False)])
def test_a_file_where_airflow_does_not_look_is_told_to_be_moved(
    folder: str,
    is_told: bool,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`airflow dags test` finds a DAG only where Airflow's DAGs are."""
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "dags"))
    words = ("init", "--conn-id", "ocamba_default", "--records", str(one(tmp_path, email="a")))
    _, said = run(capsys, *words, "--output", f"{tmp_path / folder}/")
    assert (f"Copy it to Airflow's DAGs first, such as to {tmp_path / 'dags'}:" in said) is is_told


def test_names_that_are_no_python_stay_in_their_place(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A header and a vendor's labels are other people's words: they end no comment and no text."""
    label = 'Ann\'s "label"\nimport os'
    sandbox.load("sonoran", {}, definitions={"f-1": {"type": "text", "label": label}})
    source = table(tmp_path / "people.csv", [{"username": "ann", 'anns "label" import os': "x", "a\nb": "y"}])
    given, text = matched(capsys, source, vendor="sonoran")
    assert given["fields"] == {"f-1": 'anns "label" import os'}
    assert "\nimport os" not in text
    assert [
        node
        for node in ast.walk(ast.parse(text.partition("Sonoran CMS (")[0]))
        if isinstance(node, ast.Import)
    ] == []


@pytest.mark.parametrize(
    ("records", "rejects"),
    [
        ("/data/people.csv", "/data/rejects/"),
        ("/data/people/", "/data/rejects/"),
        ("/data/people/*.csv", "/data/rejects/"),
        ("s3://aws@marts/people/part-*.parquet", "s3://aws@marts/rejects/"),
    ],
)
def test_rejects_go_beside_the_records_and_never_among_them(records: str, rejects: str) -> None:
    from airflow_profile_provider.cli.init import _rejects_path

    assert _rejects_path(records) == rejects
