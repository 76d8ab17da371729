"""Two spellings that a site may take for one person neither overtake each other nor are judged apart."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from guarantees.rig import HOOKS, hook_class
from hypothesis import given
from hypothesis import strategies as st
from standins import Communifire, Fault

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.hooks.communifire import CommunifireHook
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.mapping.window import Window
from airflow_profile_provider.records import Change, Verdict
from airflow_profile_provider.sources.partition import rows_in_partition
from airflow_profile_provider.sources.rows import rows_of
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.communifire import Communifire as Vendor

ADA = ("ada@example.com", "Ada@Example.com", " ADA@example.com ")
BOTH = [{"e": ADA[0], "c": "OLD"}, {"e": ADA[1], "c": "NEW"}]


class Site(Communifire):
    """A site that takes all spellings of an identifier for one person, or each for one of its own."""

    folds = True

    def _find(self, name: str, value: str) -> str | None:
        if not self.folds:
            return super()._find(name, value)
        wanted = value.strip().lower()
        if name == "UserID":
            return str(int(wanted)) if wanted.isdecimal() and str(int(wanted)) in self.profiles else None
        return next((key for key, own in self.profiles.items() if own[name].strip().lower() == wanted), None)


@pytest.fixture
def store(tmp_path: Path) -> dict[str, Any]:
    """Here one database will do."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, store: dict[str, Any]) -> Iterator[Site]:
    """One that knows Ada and Eve, asked by four threads at once."""
    users = {"7": {"Email": ADA[0], "Username": "ada", "Company": ""}, "8": {"Email": "eve@example.com"}}
    users["8"] |= {"Username": "eve", "Company": ""}
    with Site(users) as vendor:
        connection = {"conn_type": "communifire", "host": vendor.url, "password": vendor.secret}
        connection["extra"] = {"quota": "none", "concurrency": 4}
        monkeypatch.setenv("AIRFLOW_CONN_COMMUNIFIRE_DEFAULT", json.dumps(connection))
        monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))
        monkeypatch.setattr(CommunifireHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
        yield vendor


def push(records: Any, ledger: str | None = "ledger", **options: Any) -> Any:
    given = {"key": "e", "key_type": "Email", "fields": {"Company": "c"}, "ledger_conn_id": ledger}
    return CommunifireHook().push(records, **{**given, **options})


def opened(site: Site) -> None:
    """Have the site heard once, so that more than one request may be in flight."""
    push([{"e": "eve@example.com", "c": "x"}], None)
    site.requests.clear()


@pytest.mark.parametrize("ledger", ["ledger", None])
@pytest.mark.parametrize(
    ("key_type", "one", "other"),
    [("Email", *ADA[:2]), ("Email", *ADA[1:]), ("Username", "ada", "ADA"), ("UserID", "7", "007")],
)
def test_g3_a_late_answer_to_one_spelling_does_not_undo_the_other(
    site: Site, ledger: str | None, key_type: str, one: str, other: str
) -> None:
    """Case 9b: the site answers OLD late."""
    opened(site)
    first = {"e": "eve@example.com", "c": "y"} if key_type == "Email" else {"e": "eve", "c": "y"}
    site.faults = [Fault(late=0.15, key=one)]
    records = [{"e": one, "c": "OLD"}, {"e": other, "c": "NEW"}]
    report = push([*([] if key_type == "UserID" else [first]), *records], ledger, key_type=key_type)
    assert report.undelivered == 0
    assert site.profiles["7"]["Company"] == "NEW"


def test_an_unchanged_table_with_two_spellings_sends_nothing(site: Site) -> None:
    push(BOTH)
    assert push([BOTH[1]]).requests == 0
    assert site.profiles["7"]["Company"] == "NEW"


def test_what_one_spelling_brought_is_known_of_the_other(site: Site) -> None:
    """OLD, NEW by another spelling, OLD again: the site holds NEW, so OLD is sent."""
    assert [push([BOTH[n]]).pushed for n in (0, 1, 0)] == [1, 1, 1]
    assert site.profiles["7"]["Company"] == "OLD"
    assert push([{"e": ADA[2], "c": "OLD"}]).unchanged == 1
    found = CommunifireHook().explain(
        ADA[1], [{"e": ADA[2], "c": "OLD"}], key="e", key_type="Email",
        fields={"Company": "c"}, ledger_conn_id="ledger",
    )  # fmt: skip
    assert found.rows[0].verdict is Verdict.UNCHANGED


@pytest.mark.parametrize("ledger", ["ledger", None])
def test_g3_an_older_version_by_another_spelling_is_not_sent_after_the_newer(
    site: Site, ledger: str | None
) -> None:
    records = [{"e": ADA[1], "c": "NEW", "v": 2}, {"e": ADA[0], "c": "OLD", "v": 1}]
    push(records, ledger, version="v")
    assert site.profiles["7"]["Company"] == "NEW"
    if ledger:
        assert push(records[1:], version="v").superseded == 1


def test_a_site_that_tells_them_apart_gets_both_and_neither_has_the_other_s_fields(site: Site) -> None:
    site.folds = False
    site.profiles["9"] = {"Email": ADA[1], "Company": "", "Title": ""}
    fields = {"Company": "c", "Title": "t"}
    records = [{"e": ADA[0], "c": "OLD", "t": None}, {"e": ADA[1], "c": None, "t": "Dr"}]
    for ledger in (None, "ledger"):
        assert push(records, ledger, fields=fields, nulls="skip").pushed == 2
        assert (site.profiles["7"]["Company"], site.profiles["7"].get("Title")) == ("OLD", None)
        assert (site.profiles["9"]["Company"], site.profiles["9"]["Title"]) == ("", "Dr")


def test_exact_keys_judge_each_spelling_for_itself(site: Site) -> None:
    site.folds = False
    site.profiles["9"] = {"Email": ADA[1], "Company": ""}
    push(BOTH)
    assert push(BOTH, exact_keys=True).pushed == 2  # what was known was known of neither alone
    assert push(BOTH, exact_keys=True).unchanged == 2
    assert push([BOTH[0]], exact_keys=True).unchanged == 1
    assert push([BOTH[0]]).pushed == 1


def test_a_change_that_failed_is_not_replayed_over_another_spelling_of_its_key(
    site: Site, tmp_path: Path
) -> None:
    opened(site)
    site.faults = [Fault(503, {}, key=ADA[0], times=2)]
    rejects = tmp_path / "rejects.jsonl"
    report = push(BOTH, None, rejects_path=rejects)
    assert (report.pushed, report.superseded, report.failed) == (1, 1, 0)
    assert not rejects.exists()


def test_a_refusal_of_one_spelling_stays_one(site: Site, tmp_path: Path) -> None:
    opened(site)
    site.faults = [Fault(200, {"IsError": True, "ResponseMessage": "no"}, key=ADA[0])]
    report = push(BOTH, None, rejects_path=tmp_path / "rejects.jsonl")
    assert (report.pushed, report.rejected) == (1, 1)


def test_keys_of_a_ledger_that_is_there_keep_matching(site: Site, store: dict[str, Any]) -> None:
    """An older version of the package kept them as they were spelled."""
    records = [{"e": ADA[1], "c": "x"}, {"e": "EVE@example.com", "c": "y"}]
    push(records)
    with sqlite3.connect(store["host"]) as database:
        database.execute("update profile_ledger set key = ? where key = ?", [ADA[1], ADA[0]])
        database.execute("update profile_ledger set key = 'EVE@example.com' where key = 'eve@example.com'")
        database.execute("delete from profile_ledger_meta where name like 'folded %'")
    assert push(records).unchanged == 2
    with sqlite3.connect(store["host"]) as database:
        again = "insert into profile_ledger (target, key, row, fields) select target, ?, row, fields from"
        database.execute(f"{again} profile_ledger where key = ?", [ADA[1], ADA[0]])
        database.execute("delete from profile_ledger_meta where name like 'folded %'")
    report = push(records)  # which of Ada's two was acknowledged last is not known
    assert (report.pushed, report.unchanged) == (1, 1)
    assert push(records).unchanged == 2


def test_a_key_is_released_and_forgotten_by_any_spelling(site: Site, store: dict[str, Any]) -> None:
    push(BOTH)
    admin = LedgerAdmin(engine_of(Connection(conn_id="ledger", **store)))
    assert admin.forget(admin.target(), ADA[2]) == 1


# -- the parts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_no_vendor_documents_that_case_tells_two_profiles_apart(name: str) -> None:
    vendor = hook_class(name).vendor_class(Access("http://127.0.0.1", "1", "x"))
    for key_type in vendor.key_types:
        assert vendor.profile_of(key_type, "Ada") == vendor.profile_of(key_type, " ada")
        assert vendor.profile_of(key_type, "ada") != vendor.profile_of(key_type, "eve")


@given(st.lists(st.text(min_size=1) | st.sampled_from([*ADA, "007", "7", "\u0130", "e\u0301", "\u00e9"])))
def test_many_keys_are_folded_as_each_is(keys: list[str]) -> None:
    for key_type in Vendor.key_types:
        mapper = Mapper(Vendor(Access("http://127.0.0.1")), FieldMapping(key_type=key_type))
        assert mapper.profiles_of(keys) == [mapper.profile_of(key) for key in keys]


@given(st.text(), st.booleans())
def test_what_is_folded_stays_as_it_is(key: str, number: bool) -> None:
    once = folded(key, number=number)
    assert folded(once, number=number) == once


@given(st.sampled_from(ADA), st.sampled_from(ADA), st.integers(2, 9))
def test_two_spellings_are_in_one_share(one: str, other: str, number: int) -> None:
    mapper = Mapper(
        Vendor(Access("http://127.0.0.1")), FieldMapping(key="e", key_type="Email", fields=["Company"])
    )
    shares = [
        [
            index
            for index in range(number)
            if list(rows_in_partition(rows, (index, number), mapper.profile_in))
        ]
        for rows in (list(rows_of([{"e": key}])) for key in (one, other))
    ]
    assert shares[0] == shares[1]


CHANGES = st.lists(
    st.tuples(st.sampled_from("aAbB"), st.none() | st.integers(1, 3), st.sampled_from(["x", "y"])),
    max_size=12,
)


@given(CHANGES, st.integers(1, 3))
def test_the_window_keeps_the_order_of_all_spellings_and_never_mixes_them(changes: Any, size: int) -> None:
    """What comes out last of a profile is the newest; each spelling keeps its own fields."""
    window = Window(100)
    for position, (key, version, name) in enumerate(changes, 1):
        fields = {name: position}
        window.add(Change(key, fields, "Email", position, version, profile=key.lower()))
    taken = []
    while batch := window.take(size, set()):
        assert len({planned.identity for planned in batch}) == len(batch)
        taken += batch
    assert sorted(part.position for planned in taken for part in planned.parts) == [
        *range(1, len(changes) + 1)
    ]
    for planned in taken:
        assert {part.key for part in planned.parts} == {planned.change.key}
        assert set(planned.change.fields.values()) <= {part.position for part in planned.parts}
    for profile in "ab":
        known = [v for key, v, _ in changes if key.lower() == profile]
        if known and None not in known:
            last = [planned for planned in taken if planned.identity[1] == profile][-1]
            assert last.change.version == max(known)
