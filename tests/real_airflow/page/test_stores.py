"""Ledgers and outboxes over the page's API: what they tell, and whom."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from .conftest import ODD, STRANGER, USERS, Seen

pytestmark = pytest.mark.long

LEDGER = "ledgers/profile_ledger"
MAY_READ_CONNECTIONS = {"ann", "olga"}
"""Airflow's simple auth manager lets admins and operators read connections, and nobody else."""


@pytest.mark.parametrize("user", [None, *USERS])
def test_who_may_read_a_connection_may_read_what_is_behind_it(seen: Seen, user: str | None) -> None:
    status = 401 if user is None else 200 if user in MAY_READ_CONNECTIONS else 403
    for path, query in (
        (LEDGER, {}),
        (f"{LEDGER}/profile", {"key": STRANGER}),
        (f"{LEDGER}/quarantine", {}),
        ("outboxes/profiles_app", {}),
    ):
        assert seen.ask(path, user, **query)[0] == status, path


def test_only_ledgers_and_outboxes_are_opened(seen: Seen) -> None:
    for path in ("ledgers/profiles_app", "ledgers/nowhere", "outboxes/profile_ledger", "outboxes/nowhere"):
        assert seen.ask(path)[0] == 404, path


def test_the_summary_names_the_ledgers_and_outboxes_that_one_may_read(seen: Seen) -> None:
    _, answer = seen.ask("summary")
    assert "profile_ledger" in answer["ledgers"]
    assert "profiles_app" in answer["outboxes"]
    _, answer = seen.ask("summary", "vic")
    assert (answer["ledgers"], answer["outboxes"]) == ([], [])


def test_a_ledger_tells_its_targets_in_numbers(seen: Seen) -> None:
    _, answer = seen.ask(LEDGER)
    targets = {target["target"]: target for target in answer["targets"]}
    assert targets["ocamba:ocamba_default"]["entries"] == 7
    assert targets["ocamba:ocamba_default"]["refused"] == 2
    assert targets["lightfield:lightfield_default"]["entries"] == 4
    assert targets["ocamba:ocamba_default"]["leases"] == []
    assert targets["ocamba:ocamba_default"]["counted"] is None
    assert targets["ocamba:ocamba_default"]["at_least"] == []


def test_a_key_tells_its_story(seen: Seen) -> None:
    _, answer = seen.ask(f"{LEDGER}/profile", key=STRANGER)
    (entry,) = answer["entries"]
    assert (entry["target"], entry["acknowledged"], entry["refused_in_runs"]) == (
        "ocamba:ocamba_default",
        False,
        1,
    )
    (line,) = answer["history"]
    assert (line["dag"], line["task"], line["verdict"]) == ("seen_pushes", "push_ocamba", "rejected")
    assert "Unknown profile id" in line["reason"]
    known = seen.keys["ocamba"][0]
    _, answer = seen.ask(f"{LEDGER}/profile", key=known)
    assert answer["entries"][0]["acknowledged"]
    assert answer["history"][0]["verdict"] == "pushed"


def test_keys_are_found_by_how_they_begin(seen: Seen) -> None:
    _, answer = seen.ask(f"{LEDGER}/profile", key=STRANGER[:-2], prefix=True)
    assert STRANGER in answer["keys"]
    _, answer = seen.ask(f"{LEDGER}/profile", key="%", prefix=True)
    assert answer["keys"] == []


def test_a_key_of_which_nothing_is_known_is_no_error(seen: Seen) -> None:
    status, answer = seen.ask(f"{LEDGER}/profile", key="nobody")
    assert (status, answer["entries"], answer["history"]) == (200, [], [])


@pytest.fixture
def quarantined(seen: Seen) -> Iterator[None]:
    """The two keys that were refused, as if they had been in five runs."""
    refused = "update profile_ledger set refusals = ?, refused_at = ? where refusals > 0"
    with closing(sqlite3.connect(seen.ledger, timeout=30)) as database, database:
        database.execute(refused, (5, time.time()))
    yield
    with closing(sqlite3.connect(seen.ledger, timeout=30)) as database, database:
        database.execute(refused, (1, time.time()))


@pytest.mark.usefixtures("quarantined")
def test_what_is_quarantined_is_listed_page_by_page(seen: Seen) -> None:
    path = f"{LEDGER}/quarantine"
    _, first = seen.ask(path, limit=1)
    _, second = seen.ask(path, limit=1, before=first["next"])
    rows = first["quarantine"] + second["quarantine"]
    assert {row["key"] for row in rows} == {STRANGER, ODD.casefold()}
    assert {row["target"] for row in rows} == {"ocamba:ocamba_default"}
    assert all(row["set_aside_until"] for row in rows)
    assert second["next"] is None


@pytest.mark.parametrize("path", [f"{LEDGER}/quarantine", f"{LEDGER}/profile", "push"])
def test_what_is_no_end_of_a_page_is_refused(seen: Seen, path: str) -> None:
    address = seen.push("push_ocamba") if path == "push" else path
    assert seen.ask(address, key="1", before="WzEsMiwzXQ==")[0] == 400


def test_the_records_of_a_push_have_keys_for_who_may_read_the_ledger(seen: Seen) -> None:
    _, push = seen.ask(seen.push("push_ocamba"), "ann", verdict="rejected")
    assert {line["key"] for line in push["records"]} == {STRANGER, ODD}
    assert {line["position"] for line in push["records"]} == {6, 7}
    _, push = seen.ask(seen.push("push_ocamba"), "vic", verdict="rejected")
    assert {line["key"] for line in push["records"]} == {"•••"}
    assert {line["position"] for line in push["records"]} == {6, 7}


def test_the_records_of_a_push_come_page_by_page(seen: Seen) -> None:
    found, before = [], None
    while True:
        _, push = seen.ask(seen.push("push_ocamba"), limit=3, **({"before": before} if before else {}))
        found += [line["position"] for line in push["records"]]
        if not (before := push["next"]):
            break
    assert sorted(found) == [1, 2, 3, 4, 5, 6, 7]


def test_a_push_without_a_ledger_has_no_records(seen: Seen) -> None:
    _, push = seen.ask(seen.push("push_communifire", 0))
    assert push["records"] is None


def test_an_outbox_tells_what_it_owes(seen: Seen) -> None:
    _, answer = seen.ask("outboxes/profiles_app")
    (outbox,) = [outbox for outbox in answer["outboxes"] if outbox["delivered"] == ["delivered"]]
    assert (outbox["table"], outbox["owed"], outbox["oldest_id"]) == ("profile_outbox", 2, 2)
    assert outbox["oldest_created"].endswith("+00:00")
    assert outbox["watchers"] == []


def test_an_outbox_that_cannot_be_read_hides_no_other(seen: Seen) -> None:
    # Another example has more marks in a table of the same name, and this one has them not.
    _, answer = seen.ask("outboxes/profiles_app")
    problems = [outbox["problem"] for outbox in answer["outboxes"] if len(outbox["delivered"]) > 1]
    assert problems
    assert all(problems)
