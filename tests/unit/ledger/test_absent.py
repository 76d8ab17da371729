"""Who leaves a source: noticed, reported, told to the vendor once, and never by mistake."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from standins import Fault, Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError, PushStopped, SourceError
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report
from unit.cli.running import run

from .quick import QuickHook, push, written

Records = list[dict[str, Any]]
N = 30
GONE = {"lists": []}


@pytest.fixture
def ocamba(ocamba: Ocamba) -> Ocamba:
    """Everybody is on a list."""
    for profile in ocamba.profiles.values():
        profile["lists"] = [1]
    return ocamba


def people(first: int = 0, last: int = N) -> Records:
    return [{"id": str(n), "comment": f"is {n}", "name": "n"} for n in range(first, last)]


def lists(vendor: Ocamba) -> list[str]:
    """The keys of those who are on no list any more."""
    return sorted((key for key, own in vendor.profiles.items() if own.get("lists") == []), key=int)


def conserved(report: Report) -> bool:
    return sum(getattr(report, verdict) for verdict in Verdict) == report.received


def test_nobody_is_looked_for_by_default(ocamba: Ocamba) -> None:
    push(people())
    report = push(people(5))
    assert (report.absent, report.requests) == (0, 0)


def test_report_counts_and_lists_who_is_absent_and_sends_nothing(ocamba: Ocamba, tmp_path: Path) -> None:
    push(people())
    path = tmp_path / "absent.jsonl"
    for new in (True, False):  # as long as they are absent
        report = push(people(5), on_absent="report", absent_path=path)
        assert (report.absent, report.received, report.requests) == (5, N - 5, 0)
        told = [json.loads(line) for line in path.read_text().splitlines()]
        assert sorted(told, key=lambda one: one["key"]) == [{"key": str(n), "new": new} for n in range(5)]


def test_a_mapping_is_sent_once_to_each(ocamba: Ocamba) -> None:
    push(people())
    sent = len(ocamba.requests)
    report = push(people(5), on_absent=GONE)
    assert (report.absent, report.pushed, report.unchanged, report.received) == (5, 5, N - 5, N)
    assert sorted(written(ocamba, sent)) == [str(n) for n in range(5)]
    assert all(request.json == GONE for request in ocamba.requests[sent:])
    report = push(people(5), on_absent=GONE)
    assert (report.absent, report.requests) == (0, 0)


def test_who_returns_is_sent_whole(ocamba: Ocamba) -> None:
    push(people())
    push(people(5), on_absent=GONE)
    sent = len(ocamba.requests)
    report = push(people(2), on_absent=GONE, changed_fields_only=True)
    assert (report.pushed, report.absent) == (3, 0)
    assert {
        (request.path.rsplit("/", 1)[1], *sorted(request.json)) for request in ocamba.requests[sent:]
    } == {(str(n), "comment", "full_name") for n in (2, 3, 4)}
    assert push(people(2), on_absent=GONE).requests == 0


def test_who_returns_after_a_mere_report_is_sent_whole(ocamba: Ocamba) -> None:
    """Somebody may have acted on the report at the vendor."""
    push(people())
    push(people(5), on_absent="report")
    report = push(people(), on_absent="report", changed_fields_only=True)
    assert (report.pushed, report.absent) == (5, 0)
    assert push(people(), on_absent="report").requests == 0


def test_who_was_reported_first_is_sent_later(ocamba: Ocamba) -> None:
    push(people())
    push(people(5), on_absent="report")
    assert push(people(5), on_absent=GONE).pushed == 5
    assert lists(ocamba) == ["0", "1", "2", "3", "4"]


def test_who_leaves_again_is_told_again(ocamba: Ocamba) -> None:
    push(people())
    push(people(1), on_absent=GONE)
    push(people(), on_absent=GONE)
    ocamba.profiles["0"]["lists"] = [1]
    assert push(people(1), on_absent=GONE).pushed == 1
    assert lists(ocamba) == ["0"]


# -- guards ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on_absent", ["report", GONE], ids=str)
def test_more_than_max_absent_is_told_to_nobody(ocamba: Ocamba, on_absent: Any) -> None:
    push(people())
    hook = QuickHook()
    report = push(people(5), hook, on_absent=on_absent, max_absent="10%")
    assert (report.absent, report.requests, conserved(report)) == (5, 0, True)
    assert "5 of 30 keys are absent" in hook.red_reason
    assert push(people(5), hook, on_absent=on_absent, max_absent=5).absent == 5
    assert hook.red_reason == ""


def test_everything_else_is_delivered(ocamba: Ocamba) -> None:
    push(people())
    changed = [{**row, "comment": "new"} for row in people(N // 2)]
    report = push(changed, on_absent=GONE)
    assert (report.pushed, report.absent, lists(ocamba)) == (N // 2, N // 2, [])


def test_ten_may_leave_a_small_table_by_default(ocamba: Ocamba) -> None:
    push(people())
    assert push(people(10), on_absent=GONE).pushed == 10
    ocamba.profiles.update({key: {} for key in ("a", "b")})
    assert push(people(21), on_absent=GONE).absent == 11
    assert len(lists(ocamba)) == 10


def broken() -> Iterator[dict[str, Any]]:
    yield from people(5)
    raise OSError


def unreadable() -> Iterator[dict[str, Any]]:
    yield from people(5)
    yield {"id": None, "comment": "who is this?", "name": "n"}


def test_a_source_that_is_not_whole_tells_of_nobody(ocamba: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("".join(f"{n}\n" for n in range(5, N)))
    push(people())
    sent = len(ocamba.requests)
    assert push([], on_absent=GONE, if_empty="ok").absent == 0
    with pytest.raises(SourceError):
        push([], on_absent=GONE, if_empty="fail")
    with pytest.raises(PushStopped):
        push(broken(), on_absent=GONE)
    assert push(unreadable(), on_absent=GONE).absent == 0
    assert push(people(5), on_absent=GONE, only=tmp_path / "keys.txt").absent == 0
    assert push(people(5), on_absent=GONE, action="baseline").absent == 0
    assert push(people(5), on_absent=GONE, limit=3).absent == 0
    hook = QuickHook()
    hook.stop()
    with pytest.raises(PushStopped):
        push(people(5), hook, on_absent=GONE)
    assert len(ocamba.requests) == sent
    assert lists(ocamba) == []


def test_rejects_are_no_whole_source(ocamba: Ocamba, tmp_path: Path) -> None:
    push(people())
    ocamba.faults.append(Fault(400, {"message": "no"}, key="5"))
    changed = [{**row, "comment": "new"} for row in people()]
    assert push(changed, rejects_path=tmp_path / "r.jsonl").rejected == 1
    ocamba.faults.clear()
    report = push(tmp_path / "r.jsonl", on_absent=GONE)
    assert (report.pushed, report.absent, lists(ocamba)) == (1, 0, [])


def test_the_first_run_tells_of_nobody(ocamba: Ocamba) -> None:
    push(people(), scope="another")
    assert push(people(5), on_absent=GONE).absent == 0
    assert push(people(6), on_absent=GONE).absent == 1
    assert lists(ocamba) == ["5"]


def test_a_push_that_stops_tells_of_nobody(ocamba: Ocamba) -> None:
    push(people())
    ocamba.faults.append(Fault(401))
    with pytest.raises(PushStopped):
        push([{**row, "comment": "new"} for row in people(5)], on_absent=GONE)
    assert lists(ocamba) == []


def test_without_a_ledger_nobody_knows_who_was_there(ocamba: Ocamba) -> None:
    with pytest.raises(ConfigurationError, match="ledger_conn_id"):
        push(people(), on_absent="report", ledger_conn_id=None)


@pytest.mark.parametrize("wrong", ["delete", "", {}, 3, {"nothing": 1}, {"lists": None}], ids=str)
def test_what_cannot_be_done_is_refused(ocamba: Ocamba, wrong: Any) -> None:
    with pytest.raises(ConfigurationError):
        push(people(), on_absent=wrong)
    assert ocamba.requests == []


# -- others ---------------------------------------------------------------------------------------------


def test_two_scopes_leave_each_others_people_alone(ocamba: Ocamba) -> None:
    for _ in range(2):
        assert push(people(0, 10), scope="a", on_absent=GONE).absent == 0
        assert push(people(10, 20), scope="b", on_absent=GONE).absent == 0
    assert push(people(1, 10), scope="a", on_absent=GONE).absent == 1
    assert lists(ocamba) == ["0"]


def test_who_is_in_two_sources_is_absent_once_both_have_lost_him(ocamba: Ocamba) -> None:
    for _ in range(2):
        for scope in "ab":
            assert push(people(0, 10), scope=scope, on_absent=GONE).absent == 0
    assert push(people(1, 10), scope="a", on_absent=GONE).absent == 0
    assert push(people(0, 10), scope="b", on_absent=GONE).absent == 0
    assert push(people(1, 10), scope="b", on_absent=GONE).absent == 1
    assert push(people(1, 10), scope="a", on_absent=GONE).absent == 0
    assert lists(ocamba) == ["0"]


def test_a_push_that_watches_for_nobody_holds_nobody_back(ocamba: Ocamba) -> None:
    """The nightly table notices who left it, though another push brought a change of them meanwhile."""
    push(people(), scope="nightly", on_absent=GONE)
    push([{"id": "0", "comment": "now", "name": "n"}], scope="at once")
    assert push(people(1), scope="nightly", on_absent=GONE).pushed == 1
    assert lists(ocamba) == ["0"]


@pytest.mark.parametrize("on_absent", ["report", GONE], ids=str)
def test_four_shares_find_whom_one_push_finds(ocamba: Ocamba, on_absent: Any) -> None:
    for start in (0, 6):
        shares = [push(people(start), partition=(n, 4), on_absent=on_absent, scope="x") for n in range(4)]
    assert sum(report.absent for report in shares) == 6
    assert all(map(conserved, shares))
    assert lists(ocamba) == ([] if on_absent == "report" else [str(n) for n in range(6)])


def test_four_shares_are_judged_as_one(ocamba: Ocamba) -> None:
    hooks = [QuickHook() for _ in range(4)]
    for start in (0, 6):
        for n, hook in enumerate(hooks):
            push(people(start), hook, partition=(n, 4), on_absent=GONE, max_absent=5)
    assert all(hook.red_reason for hook in hooks)
    assert lists(ocamba) == []


@pytest.mark.parametrize(("most", "told"), [(7, False), (8, True), ("26%", False), ("27%", True)])
def test_max_changes_of_a_share_counts_the_leavers_of_all(ocamba: Ocamba, most: Any, told: bool) -> None:
    """Six left and two changed: eight of thirty, however few of them are in the share that is pushed."""
    push(people())
    rows = people(6)
    for row in rows[:2]:
        row["comment"] = "new"
    sent = len(ocamba.requests)
    how = {"partition": (0, 4), "on_absent": GONE, "max_absent": "100%", "max_changes": most}
    if told:
        assert conserved(push(rows, **how))
    else:
        with pytest.raises(PushStopped, match="8 of 30 records would change"):
            push(rows, **how)
        assert written(ocamba, sent) == []


def test_max_changes_of_a_share_counts_no_leaver_to_whom_nothing_is_sent(ocamba: Ocamba) -> None:
    push(people())
    for on_absent, most in (("report", "100%"), (GONE, 1)):
        hook = QuickHook()
        push(people(6), hook, partition=(0, 4), on_absent=on_absent, max_absent=most, max_changes=0)


# -- what else a push does ------------------------------------------------------------------------------


def test_a_plan_shows_them_on_a_line_of_their_own_and_is_approved_as_it_is(
    ocamba: Ocamba, tmp_path: Path
) -> None:
    push(people())
    sent = len(ocamba.requests)
    hook = QuickHook()
    report = push(people(5), hook, on_absent=GONE, action="plan", plan_path=tmp_path / "plan.jsonl")
    assert hook.last_plan is not None
    assert (report.absent, report.planned, len(ocamba.requests)) == (5, 5, sent)
    assert "| absent from the source | 5 |" in hook.last_plan.summary(report)
    lines = [json.loads(line) for line in (tmp_path / "plan.jsonl").read_text().splitlines()]
    assert {line["why"] for line in lines} == {"absent from the source"}
    report = push(people(5), on_absent=GONE, approved_plan=hook.last_plan.plan_id)
    assert (report.pushed, lists(ocamba)) == (5, [str(n) for n in range(5)])


def test_a_plan_says_whom_a_report_would_count(ocamba: Ocamba) -> None:
    push(people())
    hook = QuickHook()
    report = push(people(5), hook, on_absent="report", action="plan")
    assert hook.last_plan is not None
    assert "| absent from the source: nothing would be sent | 5 |" in hook.last_plan.summary(report)


def test_a_plan_writes_nothing_down(ocamba: Ocamba) -> None:
    push(people())
    push(people(5), on_absent="report", action="plan")
    assert push(people()).requests == 0


def test_a_key_is_sent_as_the_source_spelled_it(ocamba: Ocamba) -> None:
    ocamba.profiles["Ab"] = {"lists": [1]}
    mine = {"id": "Ab", "comment": "x", "name": "n"}
    push([*people(), mine])
    push(people(), on_absent=GONE)
    assert ocamba.profiles["Ab"]["lists"] == []


def test_a_leaver_that_is_refused_is_in_the_rejects_and_can_be_pushed_again(
    ocamba: Ocamba, tmp_path: Path
) -> None:
    push(people())
    ocamba.faults.append(Fault(400, {"message": "no"}, key="0"))
    rejects = tmp_path / "r.jsonl"
    report = push(people(1), on_absent=GONE, rejects_path=rejects)
    assert (report.absent, report.rejected, conserved(report)) == (1, 1, True)
    ocamba.faults.clear()
    assert push(rejects, scope="replay").pushed == 1
    report = push(people(1), on_absent=GONE)
    assert (report.absent, report.unchanged, report.requests) == (1, N, 0)
    assert push(people(1), on_absent=GONE).absent == 0


def test_leavers_are_not_among_the_delivered_keys(ocamba: Ocamba, tmp_path: Path) -> None:
    """The next system's source does not have them either."""
    push(people())
    push(people(5), on_absent=GONE, delivered_path=tmp_path / "keys.txt")
    assert set((tmp_path / "keys.txt").read_text().split()) == {str(n) for n in range(5, N)}


def test_changes_without_a_mapping_may_leave_as_well(ocamba: Ocamba) -> None:
    changes = [{"key": str(n), "fields": {"comment": "x"}} for n in range(5)]
    how = {"key": None, "fields": None}
    push(changes, **how)
    assert push(changes[1:], on_absent=GONE, **how).pushed == 1
    assert push(changes, on_absent=GONE, **how).pushed == 1


# -- two at once ----------------------------------------------------------------------------------------


def ledger_of(store: dict[str, Any]) -> Ledger:
    from airflow.sdk import Connection

    ledger = Ledger(engine_of(Connection(conn_id="ledger", **store)), "ocamba:ocamba_default", "id")
    ledger.take_scope("hook.push")
    return ledger


@pytest.fixture
def other(ocamba: Ocamba, store: dict[str, Any]) -> Iterator[Ledger]:
    """Another share's push, which runs beside."""
    push(people())
    ledger = ledger_of(store)
    assert ledger.take_lease("(0, 1)", "other")
    yield ledger
    ledger.close()


def test_who_is_being_pushed_by_another_run_is_not_told_now(ocamba: Ocamba, other: Ledger) -> None:
    other.put_in_doubt([sent(other, "0")])
    assert push(people(1), on_absent=GONE).absent == 0
    assert other.lease is not None
    other.lease.give_back()
    assert push(people(1), on_absent=GONE).pushed == 1


def test_what_another_run_brings_meanwhile_is_not_taken_for_gone(
    ocamba: Ocamba, other: Ledger, store: dict[str, Any]
) -> None:
    """It was marked and acknowledged between this one's mark and its answer."""
    mine, theirs = ledger_of(store), sent(other, "0")
    own = sent(mine, "0")
    mine.put_in_doubt([own])
    theirs.arrive(0)
    theirs.doubt = 0
    other.acknowledge([theirs])
    own.doubt = 0
    assert own.leave(bytes(16), held=False)
    mine.let_leave([own])
    mine.close()
    assert other.lease is not None
    other.lease.give_back()
    assert push(people(1), on_absent=GONE).pushed == 1


def sent(ledger: Ledger, key: str) -> Entry:
    """An entry whose key is on its way."""
    entry = ledger.known([key])[key]
    entry.set_out("ab" * 16)
    return entry


# -- ledgers of old, and the command line ---------------------------------------------------------------


def test_entries_without_a_scope_are_adopted_by_the_push_that_sees_them(
    ocamba: Ocamba, store: dict[str, Any]
) -> None:
    ledger = ledger_of(store)
    push(people())
    with ledger._engine.begin() as connection:  # as a migration leaves them
        connection.exec_driver_sql("update profile_ledger set scopes = null, spelled = null")
    ledger.close()
    report = push(people(5), on_absent=GONE)
    assert (report.absent, report.unchanged) == (0, N - 5)
    assert push(people(6), on_absent=GONE).absent == 1
    assert lists(ocamba) == ["5"]


def test_a_night_without_leavers_writes_no_entry(ocamba: Ocamba, store: dict[str, Any]) -> None:
    push(people(), on_absent="report")
    written: list[str] = []

    def seen(_: Any, __: Any, statement: str, *___: Any) -> None:
        if re.match(r"(insert|update|delete)\b.*\bprofile_ledger\s", statement, re.IGNORECASE | re.DOTALL):
            written.append(statement)

    event.listen(Engine, "before_cursor_execute", seen)
    try:
        push(people(), on_absent="report")
    finally:
        event.remove(Engine, "before_cursor_execute", seen)
    assert written == []


def test_the_ledger_lists_them(ocamba: Ocamba, capsys: pytest.CaptureFixture[str]) -> None:
    ocamba.profiles["Ab"] = {"lists": [1]}
    push([*people(), {"id": "Ab", "comment": "x", "name": "n"}], scope="nightly")
    push([*people(1)], scope="nightly", on_absent="report")
    status, said = run(capsys, "ledger", "absent", "--ledger-conn-id", "ledger", "-o", "json")
    found = {row["key"]: (row["scopes"], row["told"]) for row in json.loads(said)}
    assert (status, found) == (0, {"0": ("nightly", False), "Ab": ("nightly", False)})
    push([*people(1)], scope="nightly", on_absent=GONE)
    assert "yes" in run(capsys, "ledger", "absent", "--ledger-conn-id", "ledger")[1]
    push([*people(), {"id": "Ab", "comment": "x", "name": "n"}], scope="nightly", on_absent=GONE)
    assert run(capsys, "ledger", "absent", "--ledger-conn-id", "ledger") == (0, "No key is absent.\n")


def test_a_key_keeps_its_spelling_where_somebody_else_writes_its_entry(
    ocamba: Ocamba, store: dict[str, Any]
) -> None:
    ocamba.profiles["Ab"] = {"lists": [1]}
    push([*people(), {"id": "Ab", "comment": "x", "name": "n"}])
    ledger = ledger_of(store)
    ledger.acknowledge(ledger.known(["ab"]).values())
    ledger.close()
    push(people(), on_absent=GONE)
    assert ocamba.profiles["Ab"]["lists"] == []
