"""``set_if_empty``: a field is only set where the vendor holds nothing in it."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from guarantees.rig import Rig

from acceptance.rig import counts
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.fields import const
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator


def empty(rig: Rig, key: str, name: str) -> None:
    """Let the vendor hold nothing there."""
    profiles = rig.sandbox.profiles(rig.vendor)
    profiles[key] = {**profiles[key], name: None}
    rig.sandbox.load(rig.vendor, profiles)
    assert rig.held(name)[key] is None


def readable(rig: Rig) -> list[str]:
    """Texts of every profile that can be read."""
    vendor = rig.hook.vendor()
    return [name for name in rig.texts if name not in vendor.unreadable([name])]


def test_what_is_empty_is_set_and_what_is_filled_stays(rig: Rig) -> None:
    name, (filled, bare) = readable(rig)[0], rig.all_keys()[:2]
    before = rig.held(name)[filled]
    empty(rig, bare, name)
    changes = [{"key": key, "fields": {name: "of the table"}} for key in (filled, bare)]
    report = rig.hook.push(changes, set_if_empty=[name])
    assert counts(report) == {"pushed": 1, "unchanged": 1}
    assert (rig.held(name)[filled], rig.held(name)[bare]) == (before, "of the table")


def test_other_fields_of_the_change_are_sent_all_the_same(rig: Rig) -> None:
    name, key = readable(rig)[0], rig.all_keys()[0]
    other = next(each for each in rig.texts if each != name)
    before = rig.held(name)[key]
    change = {"key": key, "fields": {name: "of the table", other: "any words"}}
    assert counts(rig.hook.push([change], set_if_empty=[name])) == {"pushed": 1}
    assert (rig.held(name)[key], rig.held(other)[key]) == (before, "any words")


def test_with_a_ledger_a_value_is_judged_once_and_read_no_more(rig: Rig, ledger: str) -> None:
    name, key = readable(rig)[0], rig.all_keys()[0]
    before = rig.held(name)[key]
    given: dict[str, Any] = {"set_if_empty": [name], "ledger_conn_id": ledger}
    first = rig.hook.push([{"key": key, "fields": {name: "one"}}], **given)
    again = rig.hook.push([{"key": key, "fields": {name: "one"}}], **given)
    assert (counts(first), counts(again), again.requests) == ({"unchanged": 1}, {"unchanged": 1}, 0)
    other = rig.hook.push([{"key": key, "fields": {name: "two"}}], **given)
    assert (counts(other), rig.held(name)[key]) == ({"unchanged": 1}, before)
    assert other.requests > 0


def test_a_profile_that_is_not_there_is_refused_as_ever(rig: Rig) -> None:
    name = readable(rig)[0]
    report = rig.hook.push([{"key": rig.nobody, "fields": {name: "x"}}], set_if_empty=[name])
    assert counts(report) == {"rejected": 1}


def test_a_vendor_that_is_down_while_it_is_read_fails_the_record(rig: Rig) -> None:
    name, key = readable(rig)[0], rig.all_keys()[0]
    before = rig.held(name)[key]
    rig.fault("status", key=key, status=503)
    report = rig.hook.push([{"key": key, "fields": {name: "x"}}], set_if_empty=[name])
    assert counts(report) == {"failed": 1}
    rig.sandbox.clear_faults()
    assert rig.held(name)[key] == before


def test_it_goes_with_the_mapping_of_a_table(rig: Rig) -> None:
    name, key = readable(rig)[0], rig.all_keys()[0]
    empty(rig, key, name)
    given: dict[str, Any] = {"key": "id", "fields": {name: const("new")}, "set_if_empty": [name]}
    assert counts(rig.hook.push([{"id": key}], **given)) == {"pushed": 1}
    assert rig.held(name)[key] == "new"
    assert counts(rig.hook.push([{"id": key}], **given)) == {"unchanged": 1}


def test_it_costs_a_read_unless_the_write_reads_anyway(rig: Rig) -> None:
    name, key = readable(rig)[0], rig.all_keys()[0]
    usual = rig.hook.push([{"key": key, "fields": {name: "y"}}]).requests
    empty(rig, key, name)
    report = rig.hook.push([{"key": key, "fields": {name: "x"}}], set_if_empty=[name])
    assert counts(report) == {"pushed": 1}
    assert report.requests - usual == (0 if rig.hook.vendor().reads_first else 1)


def test_an_audit_lets_stand_what_the_vendor_holds_and_a_repair_sets_what_is_empty(rig: Rig) -> None:
    name, (filled, bare) = readable(rig)[0], rig.all_keys()[:2]
    before = rig.held(name)[filled]
    empty(rig, bare, name)
    changes = [{"key": key, "fields": {name: "of the table"}} for key in (filled, bare)]
    given: dict[str, Any] = {"set_if_empty": [name]}
    assert counts(rig.hook.push(changes, action="audit", **given)) == {"verified": 1, "drifted": 1}
    assert counts(rig.hook.push(changes, action="repair", **given)) == {"verified": 1, "pushed": 1}
    assert (rig.held(name)[filled], rig.held(name)[bare]) == (before, "of the table")


@pytest.mark.parametrize(
    ("operator", "arguments", "why"),
    [
        (OcambaPushProfilesOperator, {"set_if_empty": ["full_name"]}, "names full_name, and fields does not"),
        (OcambaPushProfilesOperator, {"set_if_empty": 3}, "set_if_empty must be a list of texts"),
        (
            CommunifirePushProfilesOperator,
            {"fields": {"Phone": "phone"}, "set_if_empty": ["Phone"], "key_type": "Email"},
            "profiles are read by UserID, Username, not by Email",
        ),
        (AgileNowPushProfilesOperator, {"fields": ["Phone"], "set_if_empty": ["Email"]}, "fields does not"),
    ],
)
def test_what_nobody_can_read_is_refused_at_parse_time(operator: Any, arguments: Any, why: str) -> None:
    given = {"records": "people.csv", "key": "id", "fields": {"comment": "c"}, **arguments}
    with DAG("d", schedule=None), pytest.raises(ConfigurationError, match=why):
        operator(task_id="t", **given)


def test_a_label_that_the_connection_may_make_readable_is_refused_by_the_push_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {"key": "id", "fields": {"Shoe size": "c"}, "set_if_empty": ["Shoe size"]}
    with DAG("d", schedule=None):
        push = CommunifirePushProfilesOperator(task_id="t", records=[{"id": 1, "c": "x"}], **given)
    connection = '{"conn_type": "communifire", "host": "http://127.0.0.1:1", "password": "x"}'
    monkeypatch.setenv("AIRFLOW_CONN_COMMUNIFIRE_DEFAULT", connection)
    with pytest.raises(ConfigurationError, match="it never shows Shoe size"):
        push.hook.push([{"id": 1, "c": "x"}], **given)
