"""`if_duplicate`: what becomes of rows that share a key, wherever in the source they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standins import Ocamba

from airflow_profile_provider.errors import ConfigurationError, SourceError
from airflow_profile_provider.sources.announced import Announced, Outbox

from .quick import held, push, written

Records = list[dict[str, Any]]
APART = 5000


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Here one database will do."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}


def row(key: Any, comment: str = "") -> dict[str, Any]:
    return {"id": str(key), "comment": comment, "name": "n"}


def table(rows: int = 2 * APART) -> Records:
    """A table in which key 1 comes twice, ``APART`` rows apart, and no other key does."""
    found = [row(10_000 + n) for n in range(rows)]
    found[0], found[APART] = row(1, "first"), row(1, "second")
    return found


@pytest.fixture(params=["ledger", None])
def ledger(request: pytest.FixtureRequest) -> dict[str, Any]:
    return {"ledger_conn_id": request.param}


@pytest.fixture
def vendor(ocamba: Ocamba) -> Ocamba:
    """A vendor that takes what it does not know, too."""
    ocamba.profiles.update({str(10_000 + n): {} for n in range(2 * APART)})
    return ocamba


@pytest.mark.long
def test_the_last_row_wins_over_the_whole_source_and_then_nothing_is_sent(vendor: Ocamba) -> None:
    push(table())
    assert held(vendor)["1"][0] == "second"
    report = push(table())
    assert (report.requests, report.unchanged, report.superseded) == (0, 2 * APART - 1, 1)


def test_all_rows_of_the_key_are_invalid(vendor: Ocamba, ledger: dict[str, Any], tmp_path: Path) -> None:
    records = [*table()[:3], *table()[APART:][:3]]
    report = push(records, if_duplicate="invalid", rejects_path=tmp_path / "r.jsonl", **ledger)
    assert (report.received, report.invalid, report.pushed) == (6, 2, 4)
    assert "1" not in written(vendor)
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [line["position"] for line in lines] == [1, 4]
    assert all("records 1 and 4" in line["reason"] for line in lines)


def test_equal_keys_far_apart_are_found(vendor: Ocamba) -> None:
    report = push(table(), if_duplicate="invalid", action="plan", ledger_conn_id=None)
    assert (report.received, report.invalid, report.planned) == (2 * APART, 2, 2 * APART - 2)


def test_the_report_counts_one_reason_whatever_the_records(ocamba: Ocamba) -> None:
    report = push([row(1), row(1), row(2), row(2)], if_duplicate="invalid")
    assert [(each.verdict, each.count) for each in report.reasons] == [("invalid", 4)]


def test_fail_sends_nothing_and_names_the_records(vendor: Ocamba, ledger: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match=f"1 key comes more than once: records 1 and {APART + 1}"):
        push(table(), if_duplicate="fail", **ledger)
    assert vendor.requests == []


def test_a_source_without_duplicates_does_not_fail(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    assert push([row(1), row(2)], if_duplicate="fail", **ledger).pushed == 2


def test_a_row_that_the_ledger_holds_is_invalid_as_well(ocamba: Ocamba) -> None:
    push([row(1, "A"), row(2)])
    report = push([row(1, "A"), row(2), row(1, "B")], if_duplicate="invalid")
    assert (report.invalid, report.unchanged, report.requests) == (2, 1, 0)


def test_a_row_that_cannot_be_sent_is_one_of_them(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    records = [row(1), {**row(1), "comment": None}]
    assert push(records, if_duplicate="invalid", **ledger).invalid == 2


def test_rows_without_a_key_are_no_duplicates(ocamba: Ocamba, tmp_path: Path) -> None:
    records = [{**row(1), "id": None}, {**row(1), "id": None}]
    push(records, if_duplicate="invalid", rejects_path=tmp_path / "r.jsonl")
    reasons = {json.loads(line)["reason"] for line in (tmp_path / "r.jsonl").read_text().splitlines()}
    assert len(reasons) == 1
    assert "has no key" in reasons.pop()


def test_spellings_of_one_key_are_one(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    records = [row("abc"), row("ABC ")]
    assert push(records, if_duplicate="invalid", action="plan", **ledger).invalid == 2
    assert push(records, if_duplicate="invalid", action="plan", exact_keys=True, **ledger).invalid == 0


def test_keys_of_two_kinds_are_two(ocamba: Ocamba) -> None:
    changes = [{"key": "1", "fields": {"comment": "a"}}, {"key": "1", "fields": {"comment": "b"}}]
    options = {"key": None, "fields": None, "ledger_conn_id": None}
    assert push(changes, if_duplicate="invalid", **options).invalid == 2
    # Two rows of the same key and kind, and one whose kind is not known: that one has its own fault.
    odd = [{**changes[0], "key_type": "id"}, {**changes[1], "key_type": "other"}]
    assert push(odd, if_duplicate="invalid", **options).invalid == 2


def test_an_iterator_can_be_read_once_and_is_enough(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    report = push((row(n % 3) for n in range(4)), if_duplicate="invalid", **ledger)
    assert (report.invalid, report.pushed) == (2, 2)


class Odd(str):
    """A value that no file can hold."""

    __slots__ = ()

    def __reduce__(self) -> str:
        raise TypeError


def test_a_value_that_no_file_can_hold_costs_no_other_row(ocamba: Ocamba) -> None:
    records = [row(1), row(2, Odd("odd")), row(3), row(1)]
    report = push(records, if_duplicate="invalid", ledger_conn_id=None)
    assert (report.invalid, report.pushed) == (2, 2)
    assert held(ocamba)["2"][0] == "odd"


def test_a_broken_source_sends_nothing(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    """Behind the break there may be the second row of any key."""

    def broken() -> Iterator[dict[str, Any]]:
        yield row(1)
        raise OSError

    for how in ("invalid", "fail"):
        with pytest.raises(SourceError):
            push(broken(), if_duplicate=how, **ledger)
    assert ocamba.requests == []


def test_each_share_fails_for_a_key_of_any(ocamba: Ocamba, ledger: dict[str, Any]) -> None:
    records = [row(n) for n in range(20)] + [row(1)]
    for share in range(2):
        with pytest.raises(SourceError):
            push(records, if_duplicate="fail", partition=(share, 2), **ledger)
    reports = [push(records, if_duplicate="invalid", partition=(share, 2), **ledger) for share in range(2)]
    assert sum(report.received for report in reports) == 21
    assert sum(report.invalid for report in reports) == 2


def test_a_corrected_row_of_the_rejects_is_pushed(ocamba: Ocamba, tmp_path: Path) -> None:
    rejects = tmp_path / "r.jsonl"
    push([row(1, "A"), row(1, "B")], if_duplicate="invalid", rejects_path=rejects)
    first, _ = rejects.read_text().splitlines()
    rejects.write_text(first + "\n")
    assert push(rejects, if_duplicate="invalid").pushed == 1
    assert held(ocamba)["1"][0] == "A"


def test_keys_outside_of_only_are_nobodys_fault(ocamba: Ocamba, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("2\n")
    report = push([row(1), row(2), row(1)], only=tmp_path / "keys.txt", if_duplicate="fail")
    assert (report.received, report.pushed) == (1, 1)


def test_a_share_below_max_changes_counts_no_invalid_row(ocamba: Ocamba) -> None:
    records = [row(n) for n in range(20)] + [row(n) for n in range(10)]
    report = push(records, if_duplicate="invalid", partition=(0, 1), max_changes=10)
    assert (report.invalid, report.pushed) == (20, 10)


def test_an_outbox_may_have_several_changes_of_a_key(ocamba: Ocamba) -> None:
    announced = Announced(outbox=Outbox())
    with pytest.raises(ConfigurationError, match="for tables"):
        push(announced, sql_conn_id="ledger", key=None, fields=None, if_duplicate="invalid")


def test_another_word_is_refused(ocamba: Ocamba) -> None:
    with pytest.raises(ConfigurationError, match="if_duplicate"):
        push([row(1)], if_duplicate="first")
