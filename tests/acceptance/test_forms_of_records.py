"""Everything that people have, as records: files of all kinds, folders, lists of paths, frames, functions."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import DAG
from resuming import FileCheckpoints, QuickHook

from airflow_profile_provider.errors import ConfigurationError, ProfileError, PushStopped, SourceError
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

from .conftest import OpenRig
from .rig import Rig, counts, lines

N = 30
ROWS = [{"id": str(1000 + n), "comment": f"is {n}"} for n in range(N)]
MAPPED: dict[str, Any] = {"key": "id", "fields": ["comment"]}

Give = Callable[[Path], Any]


@pytest.fixture
def ocamba(open_rig: OpenRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    rig = open_rig("ocamba")
    for row in ROWS:
        rig.stand_in.profiles[row["id"]] = {"comment": ""}
    return rig


def held(rig: Rig) -> list[str]:
    return [rig.stand_in.profiles[row["id"]]["comment"] for row in ROWS]


def csv_of(rows: list[dict[str, Any]]) -> str:
    return "id,comment\n" + "".join(f"{row['id']},{row['comment']}\n" for row in rows)


def parts(folder: Path) -> list[Path]:
    """Write the rows as files of three kinds."""
    folder.mkdir(exist_ok=True)
    (folder / "a.csv").write_text(csv_of(ROWS[:10]))
    (folder / "b.json").write_text(json.dumps(ROWS[10:20], indent=1))
    pq.write_table(pa.Table.from_pylist(ROWS[20:]), folder / "c.parquet")
    (folder / "_SUCCESS").touch()
    (folder / ".hidden.csv").write_text("id\nx\n")
    return [folder / name for name in ("a.csv", "b.json", "c.parquet")]


def on_object_storage(folder: Path) -> list[str]:
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    attach("memory", conn_id="store", fs=MemoryFileSystem())
    paths = []
    for file in (*parts(folder), folder / "_SUCCESS", folder / ".hidden.csv"):
        path = ObjectStoragePath(f"memory://store@people/{folder.name}/{file.name}")
        path.write_bytes(file.read_bytes())
        paths.append(f"memory://store@people/{folder.name}/{file.name}")
    return paths[:3]


def frame_of(library: str) -> Any:
    if library == "duckdb":
        duckdb = pytest.importorskip("duckdb")
        connection = duckdb.connect()
        connection.register("people", pa.Table.from_pylist(ROWS))
        return connection.sql("select * from people")
    return pytest.importorskip(library).DataFrame(ROWS)


def rows() -> Iterator[dict[str, Any]]:
    yield from ROWS


FORMS: dict[str, Give] = {
    "folder": lambda folder: str(parts(folder)[0].parent),
    "pattern": lambda folder: str(parts(folder)[0].parent / "[abc].*"),
    "paths": lambda folder: parts(folder),
    "texts": lambda folder: tuple(map(str, parts(folder))),
    "paths and patterns": lambda folder: [str(parts(folder)[0]), f"{folder}/[bc].*"],
    "URIs": on_object_storage,
    "pattern of URIs": lambda folder: on_object_storage(folder)[0].replace("a.csv", "*.*"),
    "folder's URI": lambda folder: on_object_storage(folder)[0].replace("/a.csv", ""),
    "list": lambda folder: ROWS,
    "pandas": lambda folder: frame_of("pandas"),
    "polars": lambda folder: frame_of("polars"),
    "duckdb": lambda folder: frame_of("duckdb"),
    "table": lambda folder: pa.Table.from_pylist(ROWS),
    "reader": lambda folder: pa.Table.from_pylist(ROWS).to_reader(),
    "generator": lambda folder: rows(),
    "function": lambda folder: rows,
    "function of paths": lambda folder: (lambda paths: lambda: paths)(parts(folder)),
    "function of a frame": lambda folder: lambda: pa.Table.from_pylist(ROWS),
}
FILES = {"folder", "pattern", "paths", "texts", "paths and patterns", "function of paths"}
RESUMED = FILES | {"list", "pandas", "polars", "table", "function of a frame"}
ONCE = {"reader", "generator", "duckdb"}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def records(form: str, tmp_path: Path) -> Any:
    return FORMS[form](tmp_path / form.replace(" ", "-").replace("'", ""))


# -- every form does all that a push does -------------------------------------------------------------------


def test_the_operator_pushes_each_form(ocamba: Rig, records: Any) -> None:
    outcome = ocamba.run(records, **MAPPED)
    assert outcome.error is None
    assert counts(outcome.report) == {"pushed": N}
    assert held(ocamba) == [row["comment"] for row in ROWS]


def test_with_a_ledger_a_second_push_sends_nothing(ocamba: Rig, form: str, tmp_path: Path) -> None:
    for verdict in ("pushed", "unchanged"):
        folder = tmp_path / f"{verdict}-{form}".replace(" ", "-").replace("'", "")
        report = ocamba.push(FORMS[form](folder), ledger_conn_id="ledger", **MAPPED)
        assert counts(report) == {verdict: N}


def test_shares_and_chosen_keys_add_up_for_each_form(ocamba: Rig, form: str, tmp_path: Path) -> None:
    def give(what: str) -> Any:
        return FORMS[form](tmp_path / f"{what}-{form}".replace(" ", "-").replace("'", ""))

    shares = [ocamba.push(give(f"share{n}"), partition=(n, 3), **MAPPED).pushed for n in range(3)]
    assert sum(shares) == N
    assert 0 not in shares
    keys = tmp_path / "keys.txt"
    keys.write_text("1003\n1027\n")
    assert counts(ocamba.push(give("only"), only=str(keys), **MAPPED)) == {"pushed": 2}


def test_explain_finds_a_key_in_each_form(ocamba: Rig, records: Any) -> None:
    (row,) = ocamba.hook.explain("1012", records, **MAPPED).rows
    assert row.change.fields == {"comment": "is 12"}


def test_a_push_that_stopped_goes_on_in_each_form_that_can_be_compared(
    ocamba: Rig, form: str, records: Any, tmp_path: Path
) -> None:
    def push(records: Any) -> Any:
        checkpoints = FileCheckpoints(tmp_path / "checkpoint.json")
        return QuickHook().push(records, checkpoints=checkpoints, concurrency=1, quota="none", **MAPPED)

    from standins import Fault

    ocamba.stand_in.faults = [Fault(401, key="1015", times=None)]
    with pytest.raises(PushStopped):
        push(records)
    ocamba.stand_in.faults = []
    before = len(ocamba.stand_in.writes)
    if form in ONCE:
        records = FORMS[form](tmp_path / "again")
    report = push(records)
    assert counts(report) == {"pushed": N}
    sent = len(ocamba.stand_in.writes) - before
    assert sent == (15 if form in RESUMED else N) or "URI" in form
    assert held(ocamba) == [row["comment"] for row in ROWS]


# -- where a record is --------------------------------------------------------------------------------------


def test_a_record_of_several_files_is_named_by_file_and_line(
    ocamba: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third = parts(tmp_path / "people")
    with first.open("a") as file:
        file.write("1999,nobody\n")
    second.write_text(json.dumps([*ROWS[10:12], {"id": None, "comment": "x"}, *ROWS[12:20]]))
    rejects = tmp_path / "rejects.jsonl"
    report = ocamba.push([first, second, third], rejects_path=rejects, **MAPPED)
    log = capsys.readouterr().out
    assert counts(report) == {"pushed": N, "invalid": 1, "rejected": 1}
    found = {line["place"]: line["position"] for line in lines(rejects)}
    assert found == {f"{first}:12": 12, f"{second}:3": 15}
    for place, position in found.items():
        assert f"Record {position} ({place}" in log
    assert counts(ocamba.push(rejects, **MAPPED)) == {"invalid": 1, "rejected": 1}


def test_a_plan_and_an_explanation_name_the_place_too(ocamba: Rig, tmp_path: Path) -> None:
    paths = parts(tmp_path / "people")
    ocamba.push(paths, action="plan", plan_path=str(tmp_path / "plan.jsonl"), **MAPPED)
    assert [line["place"] for line in lines(tmp_path / "plan.jsonl")][9:11] == [
        f"{paths[0]}:11",
        f"{paths[1]}:1",
    ]
    (row,) = ocamba.hook.explain("1020", paths, **MAPPED).as_dict()["rows"]
    assert row["place"] == f"{paths[2]}:1"


def test_a_single_file_needs_no_name(ocamba: Rig, tmp_path: Path) -> None:
    rejects = tmp_path / "rejects.jsonl"
    (tmp_path / "one.csv").write_text("id,comment\n1999,nobody\n")
    ocamba.push([tmp_path / "one.csv"], rejects_path=rejects, **MAPPED)
    assert "place" not in lines(rejects)[0]


# -- what is no form of records -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (["/data/a.csv", {"id": "1", "comment": "x"}], "records mixes paths with others: item 2 is dict"),
        ([{"id": "1"}, Path("/data/a.csv")], "records mixes paths with others: item 1 is dict"),
        (["/data/a.csv", "ada@example.com"], "item 2 of records is text that is no path"),
        (["ada@example.com", "bea@example.com"], "item 1 of records is text that is no path: give dicts"),
        ({"/data/a.csv"}, "records is a set of paths, which has no order: give a list"),
        (["/data/people.xlsx", "/data/b.csv"], "the name must end in one of"),
        ("/nowhere/*.csv", "/nowhere/.*.csv holds or matches no file to read"),
        (lambda: 5, "not a single int"),
        (lambda: None, "the function that makes the records returned None: return or yield them"),
        (lambda path: [], "a function that takes arguments, but is called without"),
        (lambda: rows, "the function that makes the records returned function, and not records"),
        (lambda: 1 // 0, "the function that makes the records raised ZeroDivisionError"),
    ],
)
def test_what_is_no_form_is_refused_by_name(ocamba: Rig, given: Any, error: str) -> None:
    outcome = ocamba.run(given, **MAPPED)
    assert error.replace(".*", "*") in outcome.said
    assert "ada@example.com" not in outcome.said
    assert ocamba.stand_in.writes == []


def test_one_path_of_a_list_that_matches_nothing_is_an_error_or_fine(ocamba: Rig, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    paths = [*parts(tmp_path / "people"), tmp_path / "empty"]
    with pytest.raises(SourceError, match="empty holds or matches no file to read; if that is fine"):
        ocamba.push(paths, **MAPPED)
    assert counts(ocamba.push(paths, if_empty="ok", **MAPPED)) == {"pushed": N}


def test_a_file_that_a_list_names_twice_is_read_once(ocamba: Rig, tmp_path: Path) -> None:
    paths = parts(tmp_path / "people")
    assert counts(ocamba.push([*paths, str(tmp_path / "people")], **MAPPED)) == {"pushed": N}


def test_junk_among_records_still_costs_itself_alone(ocamba: Rig) -> None:
    assert counts(ocamba.push([*ROWS, "junk", 5, None], **MAPPED)) == {"pushed": N, "invalid": 3}


def test_fields_as_one_text_is_refused_with_the_list_to_write(ocamba: Rig) -> None:
    with pytest.raises(
        ConfigurationError, match=r"fields must be .*, not 'comment': for one, write \['comment'\]"
    ):
        ocamba.push(ROWS, key="id", fields="comment")


def test_a_generator_that_was_read_is_never_an_empty_source(ocamba: Rig) -> None:
    made = rows()
    ocamba.push(made, **MAPPED)
    with pytest.raises(SourceError, match="a generator that was read to its end before"):
        ocamba.push(made, **MAPPED)


def test_a_function_is_called_again_where_records_are_read_twice(ocamba: Rig) -> None:
    options = {"partition": (0, 2), "max_changes": "100%", "ledger_conn_id": "ledger"}
    with pytest.raises(ProfileError, match="or the function that makes them"):
        ocamba.push(rows(), **options, **MAPPED)
    assert ocamba.push(rows, **options, **MAPPED).pushed > 0


@pytest.mark.parametrize("path", ["out.jsonl.zst", "out.txt.xz", "out.jsonl.bz2"])
def test_nothing_is_written_in_a_way_in_which_it_would_not_be_read(
    ocamba: Rig, tmp_path: Path, path: str
) -> None:
    for argument in ("rejects_path", "delivered_path"):
        with pytest.raises(ConfigurationError, match="no file is written as"):
            ocamba.push(ROWS, **{argument: str(tmp_path / path)}, **MAPPED)
    assert ocamba.stand_in.writes == []


# -- the operator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["generator", "reader"])
def test_a_retry_in_the_same_process_refuses_what_an_earlier_try_has_read(
    ocamba: Rig, form: str, tmp_path: Path
) -> None:
    operator = OcambaPushProfilesOperator(task_id="t", records=FORMS[form](tmp_path), quota="none", **MAPPED)
    operator.execute({})
    with pytest.raises(
        Exception, match=r"was read before, by the DAG's file or an earlier try: give the function"
    ):
        operator.execute({})


def test_a_generator_that_the_dags_file_began_is_refused(ocamba: Rig) -> None:
    begun = rows()
    next(begun)
    outcome = ocamba.run(begun, **MAPPED)
    assert outcome.for_good
    assert "records is a generator that was read before" in outcome.said


def test_a_function_is_called_when_the_task_runs_and_for_each_try(ocamba: Rig) -> None:
    calls = []

    def made() -> Iterator[dict[str, Any]]:
        calls.append(1)
        return rows()

    operator = OcambaPushProfilesOperator(task_id="t", records=made, quota="none", **MAPPED)
    assert calls == []
    for _ in range(2):
        assert operator.execute({})["pushed"] == N
    assert len(calls) == 2


@pytest.mark.parametrize(
    "form", ["pandas", "polars", "duckdb", "table", "generator", "function", "paths", "texts"]
)
def test_a_dag_with_any_form_can_be_stored_and_copied(form: str, tmp_path: Path) -> None:
    from own_airflow import serialized

    with DAG("d", schedule=None) as dag:
        records = FORMS[form](tmp_path / "people")
        OcambaPushProfilesOperator(task_id="a", records=records, **MAPPED)
        OcambaPushProfilesOperator.partial(task_id="b", **MAPPED).expand(records=[records, records])
    stored = json.dumps(serialized(dag))
    assert "is 7" not in stored
    copy.deepcopy(dag)


def test_paths_of_a_list_may_be_templates(ocamba: Rig, tmp_path: Path) -> None:
    parts(tmp_path / "people")
    given = ["{{ folder }}/a.csv", "{{ folder }}/[bc].*"]
    operator = OcambaPushProfilesOperator(task_id="t", records=given, quota="none", **MAPPED)
    operator.render_template_fields({"folder": str(tmp_path / "people")})
    assert operator.execute({})["pushed"] == N


# -- csv ----------------------------------------------------------------------------------------------------


def test_a_csv_from_elsewhere_is_pushed_as_it_is_meant(ocamba: Rig, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("1001;Müller €;1\n1002;\\N;2\n1003;NULL;3\n".encode("cp1252"))
    csv = {"delimiter": ";", "encoding": "cp1252", "null_values": ["\\N"], "header": ["id", "comment", "n"]}
    options = {**MAPPED, "csv": csv, "nulls": "skip", "null_values": ["NULL"]}
    outcome = ocamba.run(str(tmp_path / "t.csv"), **options)
    assert counts(outcome.report) == {"pushed": 1, "invalid": 2}  # a row of nothing but null has no field
    assert ocamba.stand_in.profiles["1001"]["comment"] == "Müller €"


def test_options_of_csv_are_templates_and_tell_a_retry_from_another_push(ocamba: Rig, tmp_path: Path) -> None:
    operator = OcambaPushProfilesOperator(
        task_id="t", records="t.csv", csv={"delimiter": "{{ sign }}", "null_values": ["\\N"]}, **MAPPED
    )
    operator.render_template_fields({"sign": ";"})
    assert operator.csv == {"delimiter": ";", "null_values": ["\\N"]}
    with pytest.raises(Exception, match="csv has no option 'delimeter': did you mean 'delimiter'"):
        OcambaPushProfilesOperator(task_id="t", records="t.csv", csv={"delimeter": ";"}, **MAPPED).execute({})
