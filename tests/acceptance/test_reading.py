"""Sources as the world has them: keys, doubled columns, dates, files of every origin, reading that breaks."""

from __future__ import annotations

import csv
import gzip
import json
import sqlite3
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import AirflowException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_profile_provider.errors import PushStopped, SourceError
from airflow_profile_provider.operators.crosswalk import TranslateKeysOperator

from .conftest import OpenRig
from .rig import Rig, counts, lines

IDS = ("1001", "1002", "1003")


@pytest.fixture
def ocamba(open_rig: OpenRig) -> Rig:
    rig = open_rig("ocamba")
    for key in IDS:
        rig.stand_in.profiles[key] = {"full_name": "before", "email": "before@example.com", "comment": ""}
    return rig


@pytest.fixture
def communifire(open_rig: OpenRig) -> Rig:
    rig = open_rig("communifire")
    for key in ("11", "12", "13"):
        rig.stand_in.profiles[key] = {"Company": "before"}
    return rig


@pytest.fixture(params=[False, True], ids=["without a ledger", "with a ledger"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(found))
    return {"ledger_conn_id": "ledger"} if request.param else {}


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "warehouse.db"
    monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def held(rig: Rig, name: str) -> list[Any]:
    return [profile.get(name) for profile in rig.stand_in.profiles.values()]


def write(path: Path, content: str | bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


# -- 1: keys ------------------------------------------------------------------------------------------------


def test_a_float_among_keys_is_counted_wherever_it_stands(ocamba: Rig, tmp_path: Path) -> None:
    """Case 1a: passed over in silence, nobody would have been pushed, and all green."""
    table = {"id": list(IDS), "comment": ["x"] * 3, "crm": pa.array([101.0, 102.0, None], pa.float64())}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    keys = write(tmp_path / "keys.txt", "101\n102\n103\n")
    options = {"key": "id", "fields": ["comment"], "only": keys, "only_key": "crm"}
    outcome = ocamba.run(str(tmp_path / "t.parquet"), **options)
    assert counts(outcome.report) == {"invalid": 2}
    assert outcome.for_good
    crosswalk = {"keys": keys, "to_path": str(tmp_path / "to.txt"), "from_column": "crm", "to_column": "id"}
    with pytest.raises(AirflowException, match="float may already have lost digits"):
        TranslateKeysOperator(task_id="t", crosswalk=str(tmp_path / "t.parquet"), **crosswalk).execute({})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " \n"])
def test_a_file_of_keys_is_read_whatever_wrote_it(
    ocamba: Rig, tmp_path: Path, encoding: str, end: str
) -> None:
    """Case 1b: no mark and no line end belongs to a key."""
    keys = write(tmp_path / "keys.txt", end.join([*IDS, ""]).encode(encoding))
    rows = [{"id": key, "comment": "x"} for key in IDS]
    assert counts(ocamba.push(rows, key="id", fields=["comment"], only=keys)) == {"pushed": 3}


ODD_KEYS = [
    "a b",
    " a",
    "a ",
    '"a"',
    '"a',
    "{a}",
    '{"key": "b"}',
    "a\nb",
    "a\rb",
    "\ufeffa",
    "a\u2028b",
    "é",
    "[1]",
]


@pytest.mark.parametrize("name", ["keys.txt", "keys.jsonl", "keys.txt.gz"])
@pytest.mark.parametrize("key", ODD_KEYS)
def test_whom_one_push_delivered_the_next_one_finds(ocamba: Rig, tmp_path: Path, key: str, name: str) -> None:
    """Kind 1, for keys of whatever look."""
    ocamba.stand_in.profiles[key] = {"comment": "before"}
    rows = [{"id": key, "comment": "x"}, {"id": "1001", "comment": "x"}]
    path = str(tmp_path / name)
    assert counts(ocamba.push(rows, key="id", fields=["comment"], delivered_path=path)) == {"pushed": 2}
    assert counts(ocamba.push(rows, key="id", fields=["comment"], only=path)) == {"pushed": 2}


@given(keys=st.sets(st.text(min_size=1, max_size=8), min_size=1, max_size=6), is_json=st.booleans())
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_key_is_read_as_it_was_delivered(tmp_path: Path, keys: set[str], is_json: bool) -> None:
    """Kind 1, as a property."""
    from airflow_profile_provider.adapters.files import open_file
    from airflow_profile_provider.errors import InvalidRecord
    from airflow_profile_provider.push.outputs import Delivered
    from airflow_profile_provider.sources.keys import keys_of_file
    from airflow_profile_provider.values import exact_key

    good = []
    for key in keys:
        try:
            good.append(exact_key(key))
        except InvalidRecord:
            continue
    path = str(tmp_path / ("keys.jsonl" if is_json else "keys.txt"))
    delivered = Delivered(path, open_file)
    for key in good:
        delivered.add(key)
    delivered.close()
    assert list(keys_of_file(path, open_file)) == good


def test_a_file_of_keys_of_which_nothing_is_met_is_no_quiet_green(ocamba: Rig, tmp_path: Path) -> None:
    keys = write(tmp_path / "keys.txt", "nobody\n")
    rows = [{"id": "1001", "comment": "x"}]
    options = {"key": "id", "fields": ["comment"], "only": keys}
    assert not ocamba.run(rows, **options).green
    with pytest.raises(SourceError, match="none of the 1 keys"):
        ocamba.push(rows, **options)
    assert counts(ocamba.push(rows, **options, if_empty="ok")) == {}
    assert counts(ocamba.push([], **options)) == {}
    crosswalk = write(tmp_path / "crosswalk.csv", "a,b\n1,2\n")
    names = {"keys": keys, "crosswalk": crosswalk, "from_column": "a", "to_column": "b"}
    to_path = str(tmp_path / "to.txt")
    with pytest.raises(AirflowException, match="none of the 1 keys"):
        TranslateKeysOperator(task_id="t", to_path=to_path, **names).execute({})
    operator = TranslateKeysOperator(task_id="t", to_path=to_path, if_empty="ok", **names)
    assert operator.execute({}) == {"keys": 1, "missing": 1}


def test_a_file_of_keys_that_has_none_is_fine_in_a_chain_and_named(
    ocamba: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The push before may have delivered nobody; whoever wrote the list by hand should learn of it."""
    keys = write(tmp_path / "keys.txt", "")
    rows = [{"id": "1001", "comment": "x"}]
    assert counts(ocamba.push(rows, key="id", fields=["comment"], only=keys)) == {}
    assert f"{keys} has no key: no record is pushed" in capsys.readouterr().out


def test_mapped_tasks_files_of_keys_are_one(ocamba: Rig, tmp_path: Path) -> None:
    for number, key in enumerate(IDS):
        write(tmp_path / f"keys.{number}.txt", key + "\n")
    rows = [{"id": key, "comment": "x"} for key in IDS]
    only = str(tmp_path / "keys.*.txt")
    assert counts(ocamba.push(rows, key="id", fields=["comment"], only=only)) == {"pushed": 3}


# -- 2: one name, two columns -------------------------------------------------------------------------------


def _doubled_parquet(path: Path) -> None:
    names = ["id", "email", "email"]
    pq.write_table(pa.table([["1001"], ["a@example.com"], ["b@example.com"]], names=names), path)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "parts"])
def test_a_column_that_is_there_twice_is_refused(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], name: str
) -> None:
    """Case 2a, in every format, with a ledger and without."""
    table = "id,email, email\n1001,a@example.com,b@example.com\n"
    if name == "t.parquet":
        _doubled_parquet(tmp_path / name)
    else:
        write(tmp_path / name / "part-0.csv" if name == "parts" else tmp_path / name, table)
    with pytest.raises(SourceError, match="'email' more than once"):
        ocamba.push(str(tmp_path / name), key="id", fields=["email"], nulls="skip", **ledger)
    assert held(ocamba, "email") == ["before@example.com"] * 3
    with pytest.raises(SourceError, match="'email' more than once"):
        ocamba.push(str(tmp_path / name), key="email", fields={"comment": "id"}, nulls="skip", **ledger)


def test_a_member_that_is_there_twice_makes_its_record_invalid(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any]
) -> None:
    """Case 2b: also within an object; what the push does not need may be there as often as it likes."""
    path = write(
        tmp_path / "t.jsonl",
        '{"id": "1001", "email": "first@example.com", "email": "second@example.com"}\n'
        '{"id": "1002", "email": "x@example.com", "other": 1, "other": 2}\n'
        '{"id": "1003", "id": "1001", "email": "y@example.com"}\n',
    )
    rejects = str(tmp_path / "rejects.jsonl")
    report = ocamba.push(path, key="id", fields=["email"], rejects_path=rejects, **ledger)
    assert counts(report) == {"pushed": 1, "invalid": 2}
    assert held(ocamba, "email") == ["before@example.com", "x@example.com", "before@example.com"]
    assert "second@example.com" in lines(rejects)[0]["row"]
    assert counts(ocamba.push(rejects, key="id", fields=["email"])) == {"invalid": 2}
    changes = write(
        tmp_path / "c.jsonl", '{"key": "1001", "fields": {"email": "a@example.com", "email": ""}}\n'
    )
    assert counts(ocamba.push(changes, **ledger)) == {"invalid": 1}


# -- 3: dates and times -------------------------------------------------------------------------------------

NINES = datetime(9999, 12, 31, 2)


def test_int96_is_read_to_its_end(communifire: Rig, tmp_path: Path, ledger: dict[str, Any]) -> None:
    """Case 3a."""
    moments = pa.array([NINES, datetime(2021, 6, 9, 3, 2, 37)], pa.timestamp("us"))
    path = str(tmp_path / "t.parquet")
    pq.write_table(
        pa.table({"id": ["11", "12"], "valid_to": moments}), path, use_deprecated_int96_timestamps=True
    )
    report = communifire.push(path, key="id", fields={"Company": "valid_to"}, **ledger)
    assert counts(report) == {"pushed": 2}
    assert held(communifire, "Company")[:2] == ["9999-12-31T02:00:00", "2021-06-09T03:02:37"]


NANO = 1_767_225_600_000_000_789


@pytest.mark.parametrize(
    ("column", "shown"),
    [
        (pa.array([NANO], pa.timestamp("ns")), "2026-01-01T00:00:00"),
        (pa.array([NANO], pa.timestamp("ns", "Europe/Berlin")), "2026-01-01T01:00:00+01:00"),
        (pa.array([3_723_000_000_789], pa.time64("ns")), "01:02:03"),
        (pa.array([253_402_300_800], pa.timestamp("s")), None),
        (pa.array([10**18], pa.timestamp("us", "UTC")), None),
        (pa.array([10**7], pa.date32()), None),
        (pa.array([0], pa.timestamp("us", "Nowhere/Land")), None),
    ],
)
def test_a_moment_arrives_as_it_is_held_or_costs_its_own_record(
    communifire: Rig, tmp_path: Path, ledger: dict[str, Any], column: pa.Array, shown: str | None
) -> None:
    """Case 3b, and its kind: the others are pushed."""
    nothing = pa.nulls(1, column.type)
    path = str(tmp_path / "t.parquet")
    seen = pa.concat_arrays([nothing, column, nothing])
    pq.write_table(pa.table({"id": ["11", "12", "13"], "seen": seen, "name": ["a", "b", "c"]}), path)
    fields = {"Company": "name", "Job title": "seen"}
    rejects = str(tmp_path / "rejects.jsonl")
    report = communifire.push(path, key="id", fields=fields, nulls="skip", rejects_path=rejects, **ledger)
    assert counts(report) == ({"pushed": 3} if shown else {"pushed": 2, "invalid": 1})
    assert [name for name in held(communifire, "Company") if name in "abc"] == list("abc" if shown else "ac")
    if shown:
        assert communifire.stand_in.profiles["12"]["Job title"] == shown
    else:
        replayed = communifire.push(rejects, key="id", fields=fields, nulls="clear")
        assert counts(replayed) == {"invalid": 1}, "null would clear the field"


# -- 5: values where none may be ----------------------------------------------------------------------------

PERSON = "Canary Quartz"


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet", "list"])
def test_no_cell_of_a_table_without_names_is_in_an_error(ocamba: Rig, tmp_path: Path, name: str) -> None:
    """Case 5a: the missing columns, and how many there are."""
    path: Any = str(tmp_path / name)
    row = {"1001": "1002", PERSON: "Person Two", "canary@example.com": "two@example.com"}
    if name == "t.parquet":
        pq.write_table(pa.table({column: [value] for column, value in row.items()}), path)
    elif name == "t.csv":
        write(tmp_path / name, "1001,Canary Quartz,canary@example.com\n1002,Person Two,two@example.com\n")
    elif name == "t.jsonl":
        write(tmp_path / name, json.dumps(row) + "\n")
    else:
        path = [row]
    outcome = ocamba.run(path, key="id", fields={"full_name": "name", "email": "email"})
    assert "'id', 'name', 'email'" in outcome.said
    assert "3 columns" in outcome.said
    assert "anary" not in outcome.said
    assert "1001" not in outcome.said
    said = ocamba.run(path).said + "".join(
        str(line["reason"]) for line in lines(_rejects_of(ocamba, path, tmp_path))
    )
    assert "anary" not in said.replace("canary.jsonl", "")


def _rejects_of(rig: Rig, path: Any, tmp_path: Path) -> str:
    rejects = str(tmp_path / "rejects.jsonl")
    rig.push(path, rejects_path=rejects)
    return rejects


@pytest.mark.parametrize(
    "text",
    ['[{"key": "1001", "fields": {"email": "canary@example.com"}}]', "select 'canary@example.com' as email"],
)
def test_text_that_is_no_path_is_not_repeated(ocamba: Rig, text: str) -> None:
    outcome = ocamba.run(text, key="id", fields=["email"])
    assert not outcome.green
    assert "canary" not in outcome.said


@pytest.mark.parametrize(("delimiter", "named"), [(";", "semicolons"), ("\t", "tabs"), ("|", "pipes")])
def test_another_delimiter_is_named_and_can_be_said(
    ocamba: Rig, tmp_path: Path, delimiter: str, named: str
) -> None:
    """Case 21k."""
    table = "id;full_name;comment\n1001;Ada, née Byron;x\n".replace(";", delimiter)
    options = {"key": "id", "fields": ["full_name", "comment"]}
    with pytest.raises(SourceError, match=f"separated by {named}.*sep="):
        ocamba.push(write(tmp_path / "t.csv", table), **options)
    path = write(tmp_path / "t.csv", f"sep={delimiter}\r\n{table}")
    assert counts(ocamba.push(path, **options)) == {"pushed": 1}
    assert held(ocamba, "full_name")[0] == "Ada, née Byron"


# -- 6: reading that breaks ---------------------------------------------------------------------------------


def test_a_line_that_is_no_json_costs_only_itself(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any]
) -> None:
    """Case 6b."""
    path = write(
        tmp_path / "t.jsonl",
        '{"id": "1001", "name": "n"}\n{"id": "1002", "name": \n{"id": "1003", "name": "m"}\n',
    )
    report = ocamba.push(path, key="id", fields={"full_name": "name"}, **ledger)
    assert counts(report) == {"pushed": 2, "invalid": 1}


class Strange(Exception):
    """What a storage or somebody's own code raises."""


def good(count: int) -> Iterator[dict[str, Any]]:
    yield from ({"id": IDS[n % 3], "full_name": f"name {n}"} for n in range(count))


@pytest.mark.parametrize("count", [0, 2, 150, 2500])
@pytest.mark.parametrize("error", [Strange("canary@example.com"), ValueError("canary"), OSError(5, "I/O")])
def test_records_that_break_are_pushed_so_far(
    ocamba: Rig, ledger: dict[str, Any], count: int, error: Exception
) -> None:
    def breaking() -> Iterator[dict[str, Any]]:
        yield from good(count)
        raise error

    with pytest.raises((SourceError, PushStopped)) as caught:
        ocamba.push(breaking(), key="id", fields=["full_name"], **ledger)
    report = caught.value.report
    assert report
    assert report.received == count
    assert report.unsent == report.failed == report.invalid == 0
    assert "canary" not in str(caught.value)
    assert f"name {count - 1}" in held(ocamba, "full_name") or count == 0


def test_a_storage_that_breaks_half_way_ends_the_push_with_its_report(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import airflow_profile_provider.adapters.source as module

    whole = "".join(json.dumps(row) + "\n" for row in good(20_000)).encode()
    path = write(tmp_path / "t.jsonl", whole)

    class Breaking:
        """A file on a storage that goes away."""

        def __init__(self) -> None:
            self.read_so_far = 0

        def read(self, size: int = -1) -> bytes:
            if self.read_so_far > 300_000:
                raise Strange("canary@example.com")
            piece = whole[self.read_so_far : self.read_so_far + size]
            self.read_so_far += len(piece)
            return piece

        def close(self) -> None:
            """Nothing to close."""

    monkeypatch.setattr(module, "open_file", lambda path, mode: Breaking())
    with pytest.raises(PushStopped, match="Strange") as caught:
        ocamba.push(path, key="id", fields=["full_name"], **ledger)
    assert caught.value.report
    assert caught.value.report.received > 5000
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("where", [0.3, 0.6, 0.9])
def test_a_parquet_file_with_a_broken_page_is_an_error_of_the_source(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], where: float
) -> None:
    path = tmp_path / "t.parquet"
    rows = list(good(5000))
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=500)
    content = bytearray(path.read_bytes())
    start = int(len(content) * where)
    content[start : start + 400] = bytes(range(200)) * 2
    path.write_bytes(bytes(content))
    try:
        report = ocamba.push(str(path), key="id", fields=["full_name"], **ledger)
    except (SourceError, PushStopped) as error:
        assert "name" not in str(error).replace("full_name", "")
        report = error.report
    assert report
    counts(report)


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["cut", "flipped"])
def test_a_gzip_file_that_breaks_is_an_error_of_the_source(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], cut: float, kind: str
) -> None:
    whole = bytearray(gzip.compress("".join(json.dumps(row) + "\n" for row in good(3000)).encode()))
    at = int(len(whole) * cut)
    broken = whole[:at] if kind == "cut" else whole[:at] + b"\0" * 40 + whole[at + 40 :]
    path = write(tmp_path / "t.jsonl.gz", bytes(broken))
    with pytest.raises((SourceError, PushStopped)):
        ocamba.push(path, key="id", fields=["full_name"], **ledger)


def test_text_of_sqlite_that_is_no_text_costs_its_own_record(
    ocamba: Rig, warehouse: Path, tmp_path: Path, ledger: dict[str, Any]
) -> None:
    """Case 6a's kind, in another database."""
    with sqlite3.connect(warehouse) as database:
        database.execute("create table people (id text, name text)")
        database.executemany("insert into people values (?, ?)", [(key, "new") for key in IDS])
        database.execute("update people set name = cast(x'ff41' as text) where id = '1002'")
    rejects = str(tmp_path / "rejects.jsonl")
    options = {"key": "id", "fields": {"full_name": "name"}, "rejects_path": rejects, **ledger}
    report = ocamba.push(sql="select id, name from people", sql_conn_id="warehouse", changes=None, **options)
    assert counts(report) == {"pushed": 2, "invalid": 1}
    assert held(ocamba, "full_name") == ["new", "before", "new"]
    assert counts(ocamba.push(rejects, **{**options, "rejects_path": None})) == {"invalid": 1}


class Broken(dict[str, Any]):
    """A record of somebody's own class, or one of its values, that breaks when it is looked at."""

    def __iter__(self) -> Iterator[str]:
        raise Strange("canary")

    keys = get = items = __getitem__ = __repr__ = __str__ = __iter__  # type: ignore[assignment]
    __ne__ = __eq__ = __bool__ = __len__ = __hash__ = __iter__  # type: ignore[assignment]


class BrokenValue:
    """A value that breaks when it is looked at."""

    def _breaks(self, *_: Any) -> Any:
        raise Strange("canary")

    __ne__ = __eq__ = __bool__ = __repr__ = __str__ = __hash__ = _breaks  # type: ignore[assignment]


@pytest.mark.parametrize("where", ["record", "field", "key", "version"])
@pytest.mark.parametrize("share", [None, (0, 1)])
def test_a_record_that_breaks_costs_only_itself(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], where: str, share: Any
) -> None:
    rows: list[Any] = [{"id": key, "full_name": "new", "v": 1} for key in IDS]
    if where == "record":
        rows[1] = Broken(id="1002")
    else:
        rows[1] = {**rows[1], {"field": "full_name", "key": "id", "version": "v"}[where]: BrokenValue()}
    rejects = str(tmp_path / "rejects.jsonl")
    options: dict[str, Any] = {"key": "id", "fields": ["full_name"], "version": "v", "partition": share}
    report = ocamba.push(rows, rejects_path=rejects, **options, **ledger)
    assert counts(report) == {"pushed": 2, "invalid": 1}
    assert "canary" not in Path(rejects).read_text()


def test_a_name_that_stands_twice_in_json_text_is_invalid(ocamba: Rig, tmp_path: Path) -> None:
    """Kind 2, within a cell."""
    path = write(tmp_path / "t.csv", 'id,cp\n1001,"{""a"": 1, ""a"": 2}"\n1002,"{""a"": 1}"\n')
    report = ocamba.push(path, key="id", fields={"custom_properties": "cp"})
    assert counts(report) == {"pushed": 1, "invalid": 1}


@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_a_line_of_the_rejects_has_a_bound(ocamba: Rig, tmp_path: Path, size: int) -> None:
    rejects = str(tmp_path / "rejects.jsonl")
    report = ocamba.push(
        [{"id": "1001", "comment": "x" * size}], key="id", fields=["comment"], rejects_path=rejects
    )
    assert counts(report) == {"invalid": 1}
    assert Path(rejects).stat().st_size < 1_000_000
    assert counts(ocamba.push(rejects, key="id", fields=["comment"])) == {"invalid": 1}


# -- 8: a bound for what is read ----------------------------------------------------------------------------


class Endless:
    """A line that never ends, or a quote; counts what is read of it."""

    def __init__(self, start: bytes, filler: bytes, size: int, end: bytes = b"") -> None:
        self.left = size
        self._pieces: Iterator[bytes] = iter([start])
        self._filler, self._end = filler, end

    def read(self, size: int = -1) -> bytes:
        if (piece := next(self._pieces, None)) is not None:
            return piece
        if self.left > 0:
            self.left -= size
            return (self._filler * size)[:size]
        end, self._end = self._end, b""
        return end

    def close(self) -> None:
        """Nothing to close."""


def test_a_line_without_an_end_costs_no_memory_and_only_itself(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import airflow_profile_provider.adapters.source as module

    path = write(tmp_path / "t.jsonl", "x")
    end = b'"}\n{"id": "1002", "full_name": "after"}\n'
    file = Endless(b'{"id": "1001", "full_name": "', b"x", 200_000_000, end)
    monkeypatch.setattr(module, "open_file", lambda path, mode: file)
    rejects = str(tmp_path / "rejects.jsonl")
    tracemalloc.start()
    report = ocamba.push(path, key="id", fields=["full_name"], rejects_path=rejects, if_empty="ok", **ledger)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counts(report) == {"pushed": 1, "invalid": 1}
    assert held(ocamba, "full_name")[1] == "after"
    assert peak < 30_000_000
    assert Path(rejects).stat().st_size < 2_000


def test_a_quote_that_never_closes_ends_the_table_before_it_fills_the_memory(
    ocamba: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 8b."""
    import airflow_profile_provider.adapters.source as module

    path = write(tmp_path / "t.csv", "x")
    start, opened = b'id,full_name\n1001,Ada\n1002,"Bo', []

    def open_file(path: str, mode: str) -> Endless:
        opened.append(Endless(start, b"1003,Person 1003\n", 200_000_000))
        return opened[-1]

    monkeypatch.setattr(module, "open_file", open_file)
    with pytest.raises(PushStopped, match=r"record after line 2 has more than 4,000,000 bytes.*quote"):
        ocamba.push(path, key="id", fields=["full_name"])
    assert opened[0].left > 190_000_000


# -- 10: SQL as Airflow's users know it ---------------------------------------------------------------------


def rendered(operator: Any, folder: Path) -> Any:
    """Render an operator's templates as a task of a DAG in the folder does."""
    from airflow.sdk import DAG

    with DAG("d", schedule=None, template_searchpath=[str(folder)]) as dag:
        dag.add_task(operator)
    operator.render_template_fields(
        {"ds": "2026-01-02", "params": {}, "task": operator}, dag.get_template_env()
    )
    return operator


def test_the_name_of_a_sql_file_is_the_query_in_it(ocamba: Rig, warehouse: Path, tmp_path: Path) -> None:
    """Case 10a: rendered, as Airflow's own operators do, in both operators that take a query."""
    write(tmp_path / "people.sql", "select id, name from people where day <= '{{ ds }}'\n")
    with sqlite3.connect(warehouse) as database:
        database.execute("create table people (id text, name text, day text)")
        days = ("2026-01-01", "2026-01-02", "2026-01-03")
        database.executemany("insert into people values (?, 'new', ?)", zip(IDS, days, strict=True))
    push = ocamba.operator_class(
        task_id="push", sql="people.sql", sql_conn_id="warehouse", key="id", fields={"full_name": "name"}
    )
    assert counts(rendered(push, tmp_path).execute({})) == {"pushed": 2}
    translate = TranslateKeysOperator(
        task_id="translate",
        keys=write(tmp_path / "keys.txt", "1001\n1003\n"),
        to_path=str(tmp_path / "to.txt"),
        sql="people.sql",
        sql_conn_id="warehouse",
        from_column="id",
        to_column="name",
    )
    assert rendered(translate, tmp_path).execute({}) == {"keys": 2, "missing": 1}


# -- 11: files as exports leave them ------------------------------------------------------------------------


def test_a_word_for_nothing_is_null_by_the_option_and_else_said(
    communifire: Rig, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    r"""Case 11a: \N and its like, once a column."""
    table = "id,last,first\n11,\\N,Ada\n12,\\N,Bo\n13,Canary,NULL\n"
    path = write(tmp_path / "t.csv", table)
    fields = {"Last name": "last", "First name": "first"}
    communifire.push(path, key="id", fields=fields)
    said = caplog.text + capsys.readouterr().out
    assert said.count("Column 'last'") == 1
    assert said.count("Column 'first'") == 1
    assert "null_values=" in said
    assert "Canary" not in said
    assert communifire.stand_in.profiles["11"]["Last name"] == "\\N"
    rejects = str(tmp_path / "rejects.jsonl")
    report = communifire.push(
        path, key="id", fields=fields, null_values=["\\N", "NULL"], rejects_path=rejects
    )
    assert counts(report) == {"invalid": 3}
    report = communifire.push(path, key="id", fields=fields, null_values=["\\N", "NULL"], nulls="clear")
    assert counts(report) == {"pushed": 3}
    assert communifire.stand_in.profiles["11"]["Last name"] == ""
    assert communifire.stand_in.profiles["13"]["Last name"] == "Canary"
    assert counts(communifire.push(rejects, key="id", fields=fields, nulls="clear")) == {"pushed": 3}


@pytest.mark.parametrize("rows", [",,\n,,\n", " , ,\n", '"","",""\n', "\n\n", "\r\n,,\r\n"])
def test_blank_rows_are_no_records(ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], rows: str) -> None:
    """Case 11b."""
    path = write(tmp_path / "t.csv", f"id,full_name,comment\n1001,Ada,c\n{rows}1002,Bo,c\n{rows}")
    outcome = ocamba.run(path, key="id", fields=["full_name", "comment"], **ledger)
    assert outcome.green
    assert counts(outcome.report) == {"pushed": 2}


LOOKALIKES: list[dict[str, Any]] = [
    {"position": "CTO", "verdict": "Valid", "row": 0},
    {"position": 5, "verdict": "rejected", "row": {"a": 1}, "reason": "x"},
    {
        "position": 5,
        "verdict": "failed",
        "fields": {"email": "other@example.com"},
        "key": "1003",
        "reason": "x",
    },
    {"position": 5, "verdict": "invalid", "row": {}, "version": None, "reason": "x", "text": True},
]


@pytest.mark.parametrize("more", LOOKALIKES)
@pytest.mark.parametrize("name", ["t.jsonl", "list"])
def test_a_table_that_looks_like_rejects_is_none(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], more: dict[str, Any], name: str
) -> None:
    """Case 11c: only what a push wrote is a reject."""
    rows = [{"id": key, "email": f"{key}@example.com", **more} for key in IDS[:2]]
    source: Any = rows
    if name == "t.jsonl":
        source = write(tmp_path / name, "".join(json.dumps(row) + "\n" for row in rows))
    assert counts(ocamba.push(source, key="id", fields=["email"], **ledger)) == {"pushed": 2}
    assert held(ocamba, "email") == ["1001@example.com", "1002@example.com", "before@example.com"]


def _parts(folder: Path, kind: str) -> None:
    for number, key in enumerate(IDS):
        row = {"id": key, "full_name": f"part {number}"}
        path = folder / f"part-{number:05}-c000.snappy.{kind}"
        path.parent.mkdir(exist_ok=True)
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist([row]), path)
        elif kind == "csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
                writer.writerow(row)
        else:
            write(path, json.dumps(row) + "\n")
    for name in ("_SUCCESS", "_metadata", ".part-00000.crc", "part-00000.crc", ".hidden.csv"):
        write(folder / name, b"\0no records")


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl", "json", "ndjson"])
@pytest.mark.parametrize(
    "address", ["{}", "{}/", "file://{}", "{}/part-*.{kind}", "file://{}/part-*", "{}/**/part*"]
)
def test_a_folder_or_a_pattern_of_parts_is_one_source(
    ocamba: Rig, tmp_path: Path, ledger: dict[str, Any], kind: str, address: str
) -> None:
    """Case 11d, local and on object storage."""
    _parts(tmp_path / f"t.{kind}", kind)
    path = address.format(tmp_path / f"t.{kind}", kind=kind)
    options = {"key": "id", "fields": ["full_name"], **ledger}
    report = ocamba.push(path, **options)
    assert counts(report) == {"pushed": 3}
    assert held(ocamba, "full_name") == ["part 0", "part 1", "part 2"]
    if ledger:
        assert counts(ocamba.push(path, **options)) == {"unchanged": 3}


def test_what_tells_a_source_is_all_its_parts(tmp_path: Path) -> None:
    from airflow.sdk import BaseHook

    from airflow_profile_provider.adapters.source import source_of

    def source_id() -> str | None:
        return source_of(str(tmp_path / "t"), None, None, BaseHook.get_connection).source_id({})

    _parts(tmp_path / "t", "csv")
    found = [source_id()]
    for name in ("_SUCCESS", "part-00002-c000.snappy.csv", "part-00009.csv"):
        write(tmp_path / "t" / name, b"id,full_name\n1001,other\n")
        found.append(source_id())
    assert None not in found
    assert found[0] == found[1]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("name", "words"), [("_temporary/0/part", "still being written"), ("_delta_log/0.json", "Delta table")]
)
def test_a_folder_that_is_not_what_it_seems_is_refused(
    ocamba: Rig, tmp_path: Path, name: str, words: str
) -> None:
    _parts(tmp_path / "t", "parquet")
    (tmp_path / "t" / "_SUCCESS").unlink()
    write(tmp_path / "t" / name, "x")
    with pytest.raises(SourceError, match=words):
        ocamba.push(str(tmp_path / "t"), key="id", fields=["full_name"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "ndjson"])
def test_text_is_read_whatever_wrote_it(
    ocamba: Rig, tmp_path: Path, encoding: str, end: str, kind: str
) -> None:
    text = [" id , full_name,", '1001,"Ada, née",', "1002,Bo,"]
    if kind != "csv":
        rows = [{"id": "1001", "full_name": "Ada, née"}, {"id": "1002", "full_name": "Bo"}]
        text = [json.dumps(row, ensure_ascii=False) for row in rows]
    path = write(tmp_path / f"t.{kind}", end.join([*text, ""]).encode(encoding))
    assert counts(ocamba.push(path, key="id", fields=["full_name"])) == {"pushed": 2}
    assert held(ocamba, "full_name")[:2] == ["Ada, née", "Bo"]


def test_a_row_that_could_not_be_read_is_not_pushed_by_its_replay(ocamba: Rig, tmp_path: Path) -> None:
    """Cells that moved to another column are not pushed there when the rejects are."""
    path = write(tmp_path / "t.csv", b"id,full_name,comment\n1001,Doe, John,x\n1002,M\xfcller,x\n1003,Bo,x\n")
    rejects = str(tmp_path / "rejects.jsonl")
    options: dict[str, Any] = {"key": "id", "fields": ["full_name", "comment"]}
    assert counts(ocamba.push(path, rejects_path=rejects, **options)) == {"pushed": 1, "invalid": 2}
    assert counts(ocamba.push(rejects, **options)) == {"invalid": 2}
    assert held(ocamba, "full_name") == ["before", "before", "Bo"]
    corrected = [line for line in lines(rejects) if line.pop("unread")][:1]
    corrected[0]["row"] = {"id": "1001", "full_name": "Doe, John", "comment": "x"}
    again = write(tmp_path / "again.jsonl", json.dumps(corrected[0]))
    assert counts(ocamba.push(again, **options)) == {"pushed": 1}


# -- as meant, or refused -----------------------------------------------------------------------------------

Write = Callable[[Path, list[dict[str, Any]]], str]


@pytest.mark.parametrize(
    "value", [date(2026, 1, 2), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(1, 1, 1)]
)
def test_a_moment_is_the_same_from_parquet_and_from_a_list(
    communifire: Rig, tmp_path: Path, value: Any
) -> None:
    rows = [{"id": "11", "seen": value}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    for source in (rows, str(tmp_path / "t.parquet")):
        communifire.push(source, key="id", fields={"Company": "seen"})
        assert held(communifire, "Company")[0] == value.isoformat()


def test_what_a_slow_reader_leaves_is_kept_in_order_and_the_error_comes_last() -> None:
    from airflow_profile_provider.sources.ahead import read_ahead

    def pieces() -> Iterator[list[int]]:
        for number in range(50):
            yield [number] * 10
        raise Strange

    found = read_ahead(pieces, room=2, patience=0.01)
    first = [next(found)]
    time.sleep(0.2)
    rest = list(islice(found, 49))
    assert [piece[0] for piece in first + rest] == list(range(50))
    with pytest.raises(Strange):
        next(found)
