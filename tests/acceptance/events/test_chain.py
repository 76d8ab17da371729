"""Several systems on one outbox, in an order: who was refused by one is not owed to the next."""

from __future__ import annotations

from typing import Any

import pytest
from guarantees.rig import Rig

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.hooks import opening
from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.sources.announced import Announced, Outbox
from airflow_profile_provider.sources.watching import unmarked
from airflow_profile_provider.triggers import ProfileChangesTrigger

from .table import Table

MARKS = (None, *Verdict)
REFUSED = {"invalid", "rejected", "quarantined"}
SECOND = Outbox(delivered="lightfield", after="delivered")


@pytest.fixture
def marked(outbox: Table, rig: Rig) -> list[str | None]:
    """A row for each mark that the first system can have left; the second has marked none."""
    for number, (key, mark) in enumerate(zip(rig.all_keys(), MARKS, strict=False)):
        outbox.write(key, {"full_name": f"new {number}"}, number, delivered=mark)
    return list(MARKS)


def test_the_next_system_gets_who_was_delivered_and_who_waits_for_an_answer(
    outbox: Table, rig: Rig, marked: list[str | None]
) -> None:
    """A system that does not answer holds nobody up; its own rows stay owed to it."""
    report = rig.hook.push(Announced(SECOND), sql_conn_id="app")
    gone_on = [number for number, mark in outbox.marks("lightfield").items() if mark == "pushed"]
    assert [marked[number] for number in gone_on] == [mark for mark in marked if mark not in REFUSED]
    assert report.received == report.pushed == len(gone_on)


def test_once_the_refused_row_is_owed_again_it_goes_all_the_way(outbox: Table, rig: Rig) -> None:
    number = outbox.write(rig.all_keys()[0], {"full_name": "mended"}, delivered="rejected")
    assert rig.hook.push(Announced(SECOND), sql_conn_id="app").received == 0
    with outbox.engine.begin() as connection:
        connection.exec_driver_sql("update profile_outbox set delivered = null")
    assert rig.hook.push(Announced(SECOND), sql_conn_id="app").pushed == 1
    assert outbox.marks("lightfield") == {number: "pushed"}


def test_the_watcher_announces_nobody_who_was_refused_by_an_earlier_system(
    outbox: Table, marked: list[str | None]
) -> None:
    columns = ["delivered", "lightfield", "kind"]
    found = unmarked(outbox.engine, "profile_outbox", "id", columns, in_order=True)
    assert [marked[number] for number in found.ids] == [mark for mark in marked if mark not in REFUSED]
    assert len(unmarked(outbox.engine, "profile_outbox", "id", columns).ids) == len(marked)


def test_the_watcher_knows_the_order_after_it_was_stored() -> None:
    trigger = ProfileChangesTrigger("app", delivered=["a", "b"], in_order=True)
    path, given = trigger.serialize()
    assert path.endswith("ProfileChangesTrigger")
    assert ProfileChangesTrigger(**given).in_order is True


@pytest.mark.parametrize("after", [" ", ["sonoran", ""], [1], "delivered", ["delivered"]])
def test_a_system_that_no_column_names_is_an_error(after: Any) -> None:
    with pytest.raises(ConfigurationError, match="after"):
        from_events(after=after)


@pytest.mark.parametrize("spans", [((1, 9),), None], ids=["announced", "all that is owed"])
def test_an_event_does_not_insist_where_its_row_is_announced_again_anyway(
    outbox: Table, rig: Rig, monkeypatch: pytest.MonkeyPatch, spans: Any
) -> None:
    """A vendor that is away must not hold up the changes that come after; the nightly run has time."""
    monkeypatch.setattr(opening, "BRIEF_SECONDS", 0.2)
    rule = RetryRule(attempts=15, first_wait=0.05, longest_wait=0.05)
    monkeypatch.setattr(rig.hook_class, "retry_rule", rule)
    outbox.write(rig.all_keys()[0], {"full_name": "new"}, 1)
    rig.fault("status", status=503)
    report = rig.hook.push(Announced(Outbox(), spans), sql_conn_id="app")
    assert (report.failed, report.requests < 15) == (1, spans is not None)
    assert outbox.marks() == {1: None}
