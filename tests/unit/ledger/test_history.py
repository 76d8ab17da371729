"""The history: a line for each record that was sent, refused or left, in tables beside the ledger."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from standins import Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import LedgerFailed, PushStopped
from airflow_profile_provider.ledger import history
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.ledger.history import DAY, History, HistoryOptions
from airflow_profile_provider.ledger.history_reader import HistoryReader
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.migrations import migrate
from airflow_profile_provider.ledger.overview import LedgerOverview
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import ReasonCount, Report, TaskRun

from .quick import push
from .test_migrations import connection

SECRET = "canary-of-a-profile"
TARGET = "ocamba:ocamba_default"
COLUMNS = "dag run task map_index try target key position verdict reason instant".split()


@pytest.fixture
def engine(ocamba: Ocamba, store: dict[str, Any]) -> Iterator[Engine]:
    """The ledger's database, beside the pushes."""
    found = engine_of(connection(store))
    yield found
    found.dispose()


def lines(engine: Engine, columns: str = "key, verdict, reason", more: str = "") -> list[tuple[Any, ...]]:
    """What stands in the history, in its order."""
    with engine.begin() as open_connection:
        query = f"select {columns} from profile_history {more} order by push, number"
        return [tuple(row) for row in open_connection.execute(text(query))]


def pushes(engine: Engine, columns: str = "run") -> list[tuple[Any, ...]]:
    """The pushes of the history, oldest first."""
    with engine.begin() as open_connection:
        query = f"select {columns} from profile_history_pushes order by id"
        return [tuple(row) for row in open_connection.execute(text(query))]


def counts(engine: Engine) -> list[tuple[Any, ...]]:
    """How many records of the pushes have which verdict, and why."""
    with engine.begin() as open_connection:
        query = "select verdict, reason, number from profile_history_counts where number > 0 order by push, 1"
        return [tuple(row) for row in open_connection.execute(text(query))]


def rows(*numbers: int, comment: str = "is") -> list[dict[str, Any]]:
    return [{"id": str(n), "comment": f"{comment} {n}", "name": f"Name {n}"} for n in numbers]


# -- which records leave a line -----------------------------------------------------------------------------


def test_each_record_that_was_sent_or_refused_leaves_a_line(ocamba: Ocamba, engine: Engine) -> None:
    ocamba.faults = [Fault(503, key="2", times=None)]
    broken = {"id": "3", "comment": ["no", "text"], "name": "x"}
    push([*rows(1, 2), broken, {"id": "nobody", "comment": SECRET, "name": SECRET}])
    (one, broken_line, two, nobody) = sorted(lines(engine), key=lambda line: str(line[0]))[:4]
    found = {key: (verdict, reason) for key, verdict, reason in (one, broken_line, two, nobody)}
    assert found["1"] == ("pushed", "")
    assert found["2"] == ("failed", "Ocamba Hood answered 503")
    assert found["3"][0] == "invalid"
    assert found["nobody"][0] == "rejected"
    assert found["nobody"][1].startswith("Ocamba Hood answered 400")


def test_what_is_unchanged_or_planned_leaves_none(ocamba: Ocamba, engine: Engine) -> None:
    push(rows(1, 2), action="baseline")
    push(rows(1, 2))
    push(rows(1, 3), action="plan")
    assert lines(engine) == []


def test_an_audit_leaves_a_line_for_what_differs_and_for_what_is_missing(
    ocamba: Ocamba, engine: Engine
) -> None:
    ocamba.profiles["1"] = {"comment": "is 1", "full_name": "Name 1"}
    ocamba.profiles["2"] = {"comment": SECRET, "full_name": "Name 2"}
    report = push([*rows(1, 2), {"id": "999", "comment": "c", "name": "n"}], action="audit")
    assert (report.verified, report.drifted, report.missing) == (1, 1, 1)
    found = {key: (verdict, reason) for key, verdict, reason in lines(engine)}
    assert {key: verdict for key, (verdict, _) in found.items()} == {"2": "drifted", "999": "missing"}
    assert "comment" in found["2"][1]
    assert {(why.verdict, why.count) for why in report.reasons} == {("drifted", 1), ("missing", 1)}


def test_a_change_whose_place_a_later_one_took_leaves_its_own_line(ocamba: Ocamba, engine: Engine) -> None:
    push([*rows(1), *rows(1, comment="then")])
    assert [verdict for _, verdict, _ in lines(engine)] == ["superseded", "pushed"]


def test_what_a_push_left_when_it_stopped_leaves_lines(ocamba: Ocamba, engine: Engine) -> None:
    ocamba.faults = [Fault(401, key="2", times=None)]
    with pytest.raises(PushStopped):
        push(rows(1, 2, 3, 4))
    assert {(key, verdict) for key, verdict, _ in lines(engine)} == {
        ("1", "pushed"), ("2", "failed"), ("3", "unsent"), ("4", "unsent")
    }  # fmt: skip


def test_no_history_is_written_where_it_is_off(ocamba: Ocamba, engine: Engine) -> None:
    push(rows(1, 2), history=False)
    assert lines(engine) == []
    assert pushes(engine) == []


def test_no_value_stands_in_any_table(ocamba: Ocamba, engine: Engine) -> None:
    message = f"{SECRET} is no good"
    ocamba.faults = [Fault(422, {"message": message}, key="1")]
    push([{"id": "1", "comment": SECRET, "name": SECRET}, {"id": "2", "comment": [SECRET], "name": SECRET}])
    with engine.begin() as open_connection:
        for table in ("profile_history", "profile_history_counts", "profile_history_pushes"):
            found = open_connection.execute(text(f"select * from {table}")).all()
            assert found
            assert SECRET not in str(found)


def test_keys_stand_there_as_in_the_ledger(ocamba: Ocamba, engine: Engine) -> None:
    push([{"id": "AB1", "comment": "x", "name": "y"}, {"id": " Ab1 ", "comment": SECRET, "name": []}])
    with engine.begin() as open_connection:
        kept = set(open_connection.execute(text('select "key" from profile_ledger')).scalars())
    assert {key for key, *_ in lines(engine)} == kept == {"ab1"}


def test_a_key_that_no_database_takes_is_cut_to_what_it_does(engine: Engine) -> None:
    assert migrate(engine)
    part = History(engine, TARGET, "id", HistoryOptions(TaskRun(run="r")), warn=pytest.fail)
    part.add("a\0b\ud800" + "x" * 600, 1, Verdict.INVALID, "field \0\ud800: " + "no " * 200)
    write(engine, part)
    ((key, _, reason),) = lines(engine)
    assert (key[:3], len(key), reason[:8], len(reason)) == ("ab?", 500, "field ?:", 300)


def test_a_record_whose_key_cannot_be_read_has_none(ocamba: Ocamba, engine: Engine) -> None:
    push([{"id": 1.5, "comment": "c", "name": "n"}, *rows(1)])
    assert [(key, verdict) for key, verdict, _ in lines(engine)] == [("", "invalid"), ("1", "pushed")]


# -- whose line it is ---------------------------------------------------------------------------------------


class Instance:
    """The part of a task instance that an operator uses."""

    dag_id, task_id, run_id, try_number, map_index = "nightly", "push", "manual__1", 2, 3

    def xcom_push(self, **_: Any) -> None:
        """Keep nothing."""


def test_a_task_s_lines_name_it(ocamba: Ocamba, engine: Engine) -> None:
    task = OcambaPushProfilesOperator(
        task_id="push", records=rows(1), key="id", fields={"comment": "comment"}, ledger_conn_id="ledger"
    )
    task.execute({"ti": Instance()})  # type: ignore[typeddict-item]
    (found,) = lines(engine, columns=", ".join(f'"{name}"' for name in COLUMNS[:-1]))
    assert found == ("nightly", "manual__1", "push", 3, 2, TARGET, "1", 1, "pushed", "")


def test_a_push_without_a_task_is_named_by_its_run(ocamba: Ocamba, engine: Engine) -> None:
    push(rows(1), run="by hand")
    assert lines(engine, columns="dag, run, task, map_index, try") == [("", "by hand", "", -1, 1)]


def test_the_instant_is_a_time_of_the_database(ocamba: Ocamba, engine: Engine) -> None:
    push(rows(1))
    now = "datetime('now', '-1 hour')" if engine.dialect.name == "sqlite" else "now() - interval '1 hour'"
    assert len(lines(engine, more=f"where instant > {now}")) == 1
    assert lines(engine, more=f"where instant < {now}") == []


def test_a_push_that_goes_on_after_a_pause_is_one_push(engine: Engine) -> None:
    assert migrate(engine)
    task = HistoryOptions(TaskRun(dag="d", run="r", task="t"))
    for number in range(2):
        part = History(engine, TARGET, "id", task, warn=pytest.fail)
        part.add(str(number), number, Verdict.PUSHED)
        write(engine, part)
        part.tell(Report(received=1, pushed=1), ended=bool(number))
    assert pushes(engine, "run, complete") == [("r", 1)]
    assert counts(engine) == [("pushed", "", 2)]
    assert [key for key, *_ in lines(engine)] == ["0", "1"]


def test_a_push_of_the_same_name_as_one_that_has_ended_is_another(ocamba: Ocamba, engine: Engine) -> None:
    """Else it would be gone with the first one's days, and have no more room than that one left."""
    for day in range(2):
        push(rows(day), run="nightly")
    assert pushes(engine, "run, complete") == [("nightly", 1)] * 2
    assert counts(engine) == [("pushed", "", 1)] * 2


def test_pushes_that_begin_at_once_are_two(engine: Engine) -> None:
    assert migrate(engine)

    def begin(number: int) -> None:
        History(engine, TARGET, "id", HistoryOptions(TaskRun(run=str(number))), warn=pytest.fail)

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pushes(engine)) == [(str(number),) for number in range(8)]


def write(engine: Engine, part: History) -> None:
    """Write what waits, as a ledger does."""
    waiting = part.pending()
    with engine.begin() as open_connection:
        part.write(open_connection, waiting)
    part.written(waiting)


# -- how it is written --------------------------------------------------------------------------------------


def test_a_line_is_written_with_the_acknowledgement_or_neither_is(engine: Engine) -> None:
    ledger = Ledger(engine, TARGET, "id")
    ledger.history = History(engine, TARGET, "id", HistoryOptions(TaskRun(run="r")), warn=pytest.fail)
    ledger.history.add("1", 1, Verdict.PUSHED)
    with engine.begin() as open_connection:
        open_connection.execute(text("drop view profile_history"))
        open_connection.execute(text("drop table profile_history_records"))
    entry = ledger.known(["1"]).get("1") or history_entry("1")
    with pytest.raises(LedgerFailed):
        ledger.acknowledge([entry])
    assert ledger.known(["1"]) == {}
    ledger.close()


def history_entry(key: str) -> Any:
    from airflow_profile_provider.ledger.entry import Entry

    return Entry(key=key, row=b"x" * 16)


def test_lines_that_are_written_twice_stand_there_once(engine: Engine) -> None:
    """Where the answer to a commit is lost, it is done again."""
    assert migrate(engine)
    part = History(engine, TARGET, "id", HistoryOptions(TaskRun(run="r")), warn=pytest.fail)
    part.add("1", 1, Verdict.PUSHED)
    waiting = part.pending()
    for _ in range(2):
        with engine.begin() as open_connection:
            part.write(open_connection, waiting)
    assert len(lines(engine)) == 1


def test_a_database_that_takes_no_history_ends_the_history_and_not_the_push(
    ocamba: Ocamba, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert migrate(engine)
    with engine.begin() as open_connection:
        open_connection.execute(text("drop view profile_history"))
        open_connection.execute(text("drop table profile_history_pushes"))
    assert push(rows(1, 2)).pushed == 2
    assert "The history of this push is not complete" in capsys.readouterr().out


def test_a_push_writes_no_more_lines_than_it_may_and_keeps_room_for_problems(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "MOST_LINES", 10)
    monkeypatch.setattr(history, "FOR_PROBLEMS", 3)
    assert migrate(engine)
    part = History(engine, TARGET, "id", HistoryOptions(TaskRun(run="r")), warn=pytest.fail)
    for number in range(20):
        part.add(str(number), number, Verdict.PUSHED)
    for number in range(20):
        part.add(str(number), number, Verdict.REJECTED, "no")
    write(engine, part)
    verdicts = [verdict for _, verdict, _ in lines(engine)]
    assert (verdicts.count("pushed"), verdicts.count("rejected")) == (7, 3)


def test_many_records_left_do_not_fill_the_memory(
    ocamba: Ocamba, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "AT_ONCE", 10)
    ocamba.faults = [Fault(401, times=None)]
    with pytest.raises(PushStopped):
        push(rows(*range(100)))
    assert len(lines(engine)) == 100


# -- how long it is kept ------------------------------------------------------------------------------------


def test_each_push_is_kept_for_its_days(engine: Engine) -> None:
    assert migrate(engine)
    now = [1_000_000_000.0]
    for days in (14, 30):
        how = HistoryOptions(TaskRun(run=f"{days} days"), days)
        part = History(engine, TARGET, "id", how, warn=pytest.fail, clock=lambda: now[0])
        part.add("1", 1, Verdict.REJECTED, "no")
        write(engine, part)
        part.tell(Report(received=1, rejected=1), ended=True)
    now[0] += 13 * DAY
    part.prune()
    assert len(lines(engine)) == 2
    now[0] += 2 * DAY
    part.prune()
    assert lines(engine, columns="run") == [("30 days",)]
    assert pushes(engine) == [("30 days",)]
    assert counts(engine) == [("rejected", "", 1)]


def test_a_push_prunes_what_is_over(ocamba: Ocamba, engine: Engine) -> None:
    push(rows(1), run="first")
    with engine.begin() as open_connection:
        open_connection.execute(text("update profile_history_pushes set kept_until = 1"))
    push(rows(2), run="second")
    assert lines(engine, columns="run") == [("second",)]


@pytest.mark.parametrize("days", [0, -1, "many", 1.5])
def test_days_are_a_number_from_one(ocamba: Ocamba, engine: Engine, days: Any) -> None:
    with pytest.raises(Exception, match="history_days must be a whole number from 1"):
        push(rows(1), history_days=days)


def test_what_is_forgotten_has_no_history_either(ocamba: Ocamba, engine: Engine) -> None:
    push([*rows(1, 2), {"id": "X7", "comment": "c", "name": "n"}])
    admin = LedgerAdmin(engine)
    admin.forget(admin.target(), "x7")
    assert {key for key, *_ in lines(engine)} == {"1", "2"}
    admin.forget(admin.target(), None)
    assert lines(engine) == []


# -- reading ------------------------------------------------------------------------------------------------


REFUSED = "Ocamba Hood answered 400"


@pytest.fixture
def told(engine: Engine) -> HistoryReader:
    """Three pushes: of one DAG twice, and of another; somebody unknown in each."""
    assert migrate(engine)
    for number, dag in enumerate(("one", "two", "one")):
        task = TaskRun(dag=dag, run=f"run {number}", task="push")
        part = History(engine, TARGET, "id", HistoryOptions(task), warn=pytest.fail)
        for position, key in enumerate(("17", "18"), 1):
            part.add(key, position, Verdict.PUSHED)
        part.add("17nobody", 3, Verdict.REJECTED, REFUSED)
        write(engine, part)
        reasons = (ReasonCount("rejected", REFUSED, 1),)
        part.tell(Report(received=3, pushed=2, rejected=1, reasons=reasons), ended=True)
    return HistoryReader(engine)


def test_a_push_tells_its_counts_and_reasons(ocamba: Ocamba, engine: Engine) -> None:
    push([*rows(1, 2), {"id": "nobody", "comment": "c", "name": "n"}])
    assert pushes(engine, "complete") == [(1,)]
    pushed, (verdict, reason, number) = counts(engine)
    assert pushed == ("pushed", "", 2)
    assert (verdict, number) == ("rejected", 1)
    assert reason.startswith(REFUSED)


def test_the_story_of_a_key_comes_newest_first_page_by_page(told: HistoryReader) -> None:
    first = told.of_key("17", limit=2)
    assert [(line.run, line.verdict) for line in first] == [("run 2", "pushed"), ("run 1", "pushed")]
    (last,) = told.of_key("17", before=first[-1].mark)
    assert (last.run, last.target, last.task) == ("run 0", TARGET, "push")


def test_keys_are_found_by_how_they_begin(told: HistoryReader) -> None:
    assert told.keys("17") == ["17", "17nobody"]
    assert told.keys("1", limit=2) == ["17", "17nobody"]
    assert told.keys("9") == []


def test_lines_of_a_push_can_be_had_by_reason(told: HistoryReader) -> None:
    (newest,) = told.pushes_of("one", "run 2", "push", -1)
    (line,) = told.of_push(newest, verdicts=["rejected"], reason=REFUSED)
    assert (line.key, line.run) == ("17nobody", "run 2")
    assert [each.key for each in told.of_push(newest, limit=2)] == ["17", "18"]
    assert [each.key for each in told.of_push(newest, after=2)] == ["17nobody"]


def test_only_dags_that_somebody_may_see_are_shown(told: HistoryReader) -> None:
    for dags, number in ((["one"], 2), (["two"], 1), ([], 0)):
        assert len(told.of_key("17", dags=dags)) == number
        assert told.keys("18", dags=dags) == ["18"] * (number > 0)


def test_who_pushes_now_is_listed(engine: Engine) -> None:
    ledger = Ledger(engine, TARGET, "id")
    lease = ledger.take_lease("(0, 2)", "nightly run push 0")
    assert lease
    (held,) = LedgerOverview(engine).leases()
    assert (held.target, held.share, held.run) == (TARGET, "(0, 2)", "nightly run push 0")
    lease.give_back()
    assert LedgerOverview(engine).leases() == []
    ledger.close()


@pytest.mark.long
def test_what_is_quarantined_is_listed_page_by_page(ocamba: Ocamba, engine: Engine) -> None:
    strangers = [{"id": f"nobody {n}", "comment": "c", "name": "n"} for n in range(3)]
    for run in range(5):
        push([*rows(1, comment=f"round {run}"), *strangers], run=str(run))
    overview = LedgerOverview(engine)
    target = overview.target()
    first = overview.quarantined(target, limit=2)
    assert [each.key for each in first] == ["nobody 0", "nobody 1"]
    (last,) = overview.quarantined(target, after=first[-1].key)
    assert (last.key, last.times) == ("nobody 2", 5)
    assert last.set_aside_until is not None
    assert json.dumps(last.as_dict())


# -- for people ---------------------------------------------------------------------------------------------


def test_the_examples_of_the_docs_run(told: HistoryReader, engine: Engine) -> None:
    page = Path(__file__).parents[3] / "docs/history.md"
    found = re.findall(
        r"<!-- not run: [^\n]* it is, (\w+) -->\n```sql\n(.*?)```", page.read_text(), re.DOTALL
    )
    mine = [query for dialect, query in found if dialect in {engine.dialect.name, "both"}]
    assert len(mine) == 4
    with engine.begin() as open_connection:
        sent, refused, _, why = [open_connection.execute(text(query)).all() for query in mine]
    assert {(row.target, row.key, row.times) for row in sent} == {(TARGET, "17", 3), (TARGET, "18", 3)}
    assert [(row.refused, float(row.percent)) for row in refused] == [(3, 33.33)]
    assert [(row.reason, row.records, row.pushes) for row in why] == [(REFUSED, 3, 3)]


def test_the_view_has_the_columns_of_the_docs(told: HistoryReader, engine: Engine) -> None:
    page = (Path(__file__).parents[3] / "docs/history.md").read_text()
    table = page[page.index("| column |") : page.index("`profile_history_pushes` has")]
    documented = {
        name
        for cell in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for name in re.findall(r"`(\w+)`", cell)
    }
    with engine.begin() as open_connection:
        assert set(open_connection.execute(text("select * from profile_history")).keys()) == documented
