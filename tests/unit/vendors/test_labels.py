"""A mapping may name a field by the label that people know: the vendor is asked what it means."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from standins import Fault, Lightfield, Sonoran, StandIn

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, PushStopped
from airflow_profile_provider.hooks.lightfield import LightfieldHook
from airflow_profile_provider.hooks.sonoran import SonoranHook

NAME, BIO, OTHER = "0b6c2f4e-58a7", "1f7a9d3c-6e2b", "2a8b0e4d-7f3c"
DEFINITIONS = [
    {"id": NAME, "type": "text", "label": "Display name", "options": None},
    {"id": BIO, "type": "text", "label": "Bio", "options": None},
    {"id": "callsign", "type": "text", "label": "shortname", "options": None},
]
ROWS = [{"id": "a1", "n": "Ada"}, {"id": "a2", "n": "Bo"}]


@pytest.fixture
def sonoran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Sonoran]:
    monkeypatch.setattr(SonoranHook, "retry_rule", RetryRule(attempts=2, first_wait=0.001))
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    with Sonoran({"a1": {NAME: "x"}, "a2": {NAME: "x"}}) as vendor:
        vendor.definitions = list(DEFINITIONS)
        connect(monkeypatch, "sonoran", vendor)
        yield vendor


@pytest.fixture
def lightfield(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lightfield]:
    ledger = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.db")}
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(ledger))
    with Lightfield({"acc_1": {}}) as vendor:
        vendor.definitions = {
            "tier": {"label": "Tier", "valueType": "TEXT"},
            "$name": {"label": "Company name", "valueType": "TEXT"},
        }
        connect(monkeypatch, "lightfield", vendor)
        yield vendor


def connect(monkeypatch: pytest.MonkeyPatch, conn_type: str, vendor: StandIn) -> None:
    connection = {"conn_type": conn_type, "host": vendor.url, "password": vendor.secret}
    connection |= {"login": vendor.login or None, "extra": {"quota": "none", "concurrency": 1}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(connection))


def push(rows: Any = ROWS, **options: Any) -> Any:
    return SonoranHook().push(rows, **{"key": "id", "fields": {"Display name": "n"}, **options})


def asked(vendor: Sonoran) -> int:
    """How often the field definitions were asked for."""
    return sum(request.path.endswith("get_profile_fields") for request in vendor.requests)


def test_a_label_is_the_id_that_it_stands_for(sonoran: Sonoran) -> None:
    report = push()
    assert (report.pushed, report.requests, asked(sonoran)) == (2, 3, 1)
    assert {key: held[NAME] for key, held in sonoran.profiles.items()} == {"a1": "Ada", "a2": "Bo"}


def test_documented_and_custom_fields_have_labels(lightfield: Lightfield) -> None:
    fields = {"Tier": "t", "Company name": "n"}
    report = LightfieldHook().push([{"id": "acc_1", "t": "gold", "n": "Acme"}], key="id", fields=fields)
    assert report.pushed == 1
    assert lightfield.profiles["acc_1"] == {"tier": "gold", "$name": "Acme"}


def test_fields_in_a_list_may_be_labels(sonoran: Sonoran) -> None:
    assert push([{"id": "a1", "Display name": "Ada"}], fields=["Display name"]).pushed == 1
    assert sonoran.profiles["a1"][NAME] == "Ada"


def test_a_label_that_looks_like_an_id_is_learnt_with_the_first_row(sonoran: Sonoran) -> None:
    assert push(fields={"shortname": "n"}).pushed == 2
    assert sonoran.profiles["a1"]["callsign"] == "Ada"
    assert asked(sonoran) == 1


def test_an_id_goes_before_a_label(sonoran: Sonoran) -> None:
    sonoran.definitions.append({"id": "Bio", "type": "text", "label": "Something else", "options": None})
    push(fields={"Bio": "n"})
    assert sonoran.profiles["a1"] == {NAME: "x", "Bio": "Ada"}


def test_a_label_of_several_fields_is_refused_with_their_ids(sonoran: Sonoran) -> None:
    sonoran.definitions.append({"id": OTHER, "type": "text", "label": "Display name", "options": None})
    with pytest.raises(
        ConfigurationError, match=f"2 fields of the label 'Display name'.*'{NAME}' or '{OTHER}'"
    ):
        push()
    assert sonoran.writes == []


def test_two_names_of_one_field_are_refused(sonoran: Sonoran) -> None:
    with pytest.raises(ConfigurationError, match=f"'Display name' and '{NAME}' are one field"):
        push(fields={"Display name": "n", NAME: "id"})
    assert sonoran.writes == []


def test_a_name_that_does_not_exist_fails_before_sending_and_names_the_nearest(sonoran: Sonoran) -> None:
    with pytest.raises(
        ConfigurationError, match=f"no field 'Displey name'.*did you mean '{NAME}', Display name"
    ):
        push(fields={"Displey name": "n"})
    assert sonoran.writes == []


def test_what_is_fingerprinted_is_the_id(sonoran: Sonoran) -> None:
    assert push(ledger_conn_id="ledger").pushed == 2
    assert push(fields={NAME: "n"}, ledger_conn_id="ledger").unchanged == 2
    assert push(ledger_conn_id="ledger").unchanged == 2
    assert len(sonoran.writes) == 2


def test_a_label_that_moved_to_another_field_is_sent_again(sonoran: Sonoran) -> None:
    push(ledger_conn_id="ledger")
    sonoran.definitions[0] = {**DEFINITIONS[0], "label": "Old name"}
    sonoran.definitions[1] = {**DEFINITIONS[1], "label": "Display name"}
    assert push(ledger_conn_id="ledger").pushed == 2
    assert sonoran.profiles["a1"] == {NAME: "Ada", BIO: "Ada"}


def test_with_a_ledger_a_label_that_looks_like_an_id_is_refused_with_the_id(sonoran: Sonoran) -> None:
    with pytest.raises(ConfigurationError, match="'shortname' is the label of 'callsign'"):
        push(fields={"shortname": "n"}, ledger_conn_id="ledger")
    assert sonoran.writes == []


def test_ids_ask_nothing_where_nothing_changed(sonoran: Sonoran) -> None:
    given = {"fields": {NAME: "n", "callsign": "n"}, "ledger_conn_id": "ledger"}
    assert push(**given).pushed == 2
    before = len(sonoran.requests)
    assert (push(**given).requests, len(sonoran.requests)) == (0, before)


def test_without_definitions_the_vendor_decides_what_a_name_is(sonoran: Sonoran) -> None:
    sonoran.definitions = []
    assert push().pushed == 2
    assert sonoran.profiles["a1"]["Display name"] == "Ada"


def test_a_vendor_that_does_not_answer_ends_a_push_that_needs_labels(sonoran: Sonoran) -> None:
    sonoran.faults.append(Fault(503, on="any", times=2))
    with pytest.raises(PushStopped, match="fields of Sonoran CMS cannot be asked for, which labels need"):
        push()
    assert sonoran.writes == []


def test_a_plan_names_ids(sonoran: Sonoran, tmp_path: Path) -> None:
    plan = tmp_path / "plan.jsonl"
    assert push(action="plan", plan_path=str(plan)).planned == 2
    assert NAME in plan.read_text()
    assert "Display name" not in plan.read_text()


def test_an_explanation_asks_what_labels_mean(sonoran: Sonoran) -> None:
    found = SonoranHook().explain("a1", ROWS, key="id", fields={"Display name": "n"})
    (row,) = found.rows
    assert row.change and dict(row.change.fields) == {NAME: "Ada"}
    assert (asked(sonoran), sonoran.writes) == (1, [])


def test_one_profile_may_be_updated_by_labels(sonoran: Sonoran) -> None:
    assert SonoranHook().update_profile("a1", {"Display name": "Ada", "callsign": "7"}) == "pushed"
    assert sonoran.profiles["a1"] == {NAME: "Ada", "callsign": "7"}
    assert asked(sonoran) == 1


def test_one_profile_updated_by_ids_asks_for_nothing(sonoran: Sonoran) -> None:
    assert SonoranHook().update_profile("a1", {NAME: "Ada"}) == "pushed"
    assert asked(sonoran) == 0


def test_an_unknown_label_of_one_profile_is_refused_with_the_nearest(sonoran: Sonoran) -> None:
    with pytest.raises(InvalidRecord, match=f"did you mean '{NAME}', Display name"):
        SonoranHook().update_profile("a1", {"Displey name": "Ada"})
    assert sonoran.writes == []


def test_leavers_may_be_told_by_a_label(sonoran: Sonoran) -> None:
    given: dict[str, Any] = {"fields": {NAME: "n"}, "ledger_conn_id": "ledger"}
    push(**given)
    report = push(ROWS[1:], **given, on_absent={"Bio": "gone"})
    assert (report.absent, report.pushed) == (1, 1)
    assert sonoran.profiles["a1"] == {NAME: "Ada", BIO: "gone"}


def test_a_label_of_no_field_is_refused_for_leavers_before_anything_is_sent(sonoran: Sonoran) -> None:
    given: dict[str, Any] = {"fields": {NAME: "n"}, "ledger_conn_id": "ledger"}
    with pytest.raises(ConfigurationError, match=f"no field 'Bios'.*did you mean '{BIO}', Bio"):
        push(**given, on_absent={"Bios": "gone"})
    assert sonoran.writes == []


def test_leavers_that_are_told_by_ids_ask_for_nothing(sonoran: Sonoran) -> None:
    given: dict[str, Any] = {"fields": {NAME: "n"}, "ledger_conn_id": "ledger", "on_absent": {BIO: "gone"}}
    push(**given)
    before = asked(sonoran)
    assert (push(**given).unchanged, asked(sonoran)) == (2, before)


def test_a_value_that_a_label_s_field_does_not_take_is_refused_for_leavers(sonoran: Sonoran) -> None:
    sonoran.definitions[1] = {**DEFINITIONS[1], "type": "select", "options": ["here", "left"]}
    given: dict[str, Any] = {"fields": {NAME: "n"}, "ledger_conn_id": "ledger"}
    with pytest.raises(ConfigurationError, match=f"on_absent: field {BIO}: is not one of"):
        push(**given, on_absent={"Bio": "gone"})
    assert sonoran.writes == []


def match(lightfield: Lightfield, **options: Any) -> Any:
    """Push one row with a key of its owner's."""
    row = {"person": "p1", "n": "Acme", "t": "gold", "who": "mem_1"}
    return LightfieldHook().push([row], **{"key": "person", "fields": {"tier": "t"}, **options})


def test_profiles_may_be_matched_by_a_label(lightfield: Lightfield) -> None:
    lightfield.profiles["acc_1"]["$name"] = "Acme"
    report = match(lightfield, match={"Company name": "n"}, ledger_conn_id="ledger")
    assert report.pushed == 1
    assert lightfield.profiles["acc_1"]["tier"] == "gold"


def test_a_label_by_whose_field_nobody_is_found_is_refused(lightfield: Lightfield) -> None:
    lightfield.definitions["seats"] = {"label": "Seats", "valueType": "CHECKBOX"}
    with pytest.raises(ConfigurationError, match="match: Lightfield finds nobody for sure by seats"):
        match(lightfield, match={"Seats": "n"}, ledger_conn_id="ledger")
    assert lightfield.writes == []


def test_a_relationship_may_be_named_by_its_label(lightfield: Lightfield) -> None:
    lightfield.relationship_definitions = {"$owner": {"label": "Account owner", "cardinality": "HAS_ONE"}}
    link = {"Account owner": {"replace": "who"}}
    report = LightfieldHook().push([{"id": "acc_1", "who": "mem_1"}], key="id", fields={}, relationships=link)
    assert report.pushed == 1
    assert lightfield.links["acc_1"] == {"$owner": ["mem_1"]}


def test_a_label_of_several_relationships_is_refused_with_their_ids(lightfield: Lightfield) -> None:
    twins = {name: {"label": "Account owner", "cardinality": "HAS_ONE"} for name in ("$owner", "second")}
    lightfield.relationship_definitions = twins
    with pytest.raises(ConfigurationError, match=r"2 relationships of the label 'Account owner'.*'second'"):
        match(lightfield, key="n", relationships={"Account owner": {"replace": "who"}})
    assert lightfield.writes == []


def test_a_relationship_that_does_not_exist_is_refused_with_the_nearest(lightfield: Lightfield) -> None:
    lightfield.relationship_definitions = {"$owner": {"label": "Account owner", "cardinality": "HAS_ONE"}}
    with pytest.raises(ConfigurationError, match=r"no relationship 'Acount owner'.*did you mean '\$owner'"):
        match(lightfield, key="n", relationships={"Acount owner": {"replace": "who"}})
    assert lightfield.writes == []


def test_with_a_ledger_a_relationship_s_label_that_looks_like_an_id_is_refused(
    lightfield: Lightfield,
) -> None:
    lightfield.relationship_definitions = {"$owner": {"label": "owner", "cardinality": "HAS_ONE"}}
    with pytest.raises(ConfigurationError, match=r"'owner' is the label of '\$owner'"):
        match(lightfield, key="n", relationships={"owner": {"replace": "who"}}, ledger_conn_id="ledger")
    assert lightfield.writes == []


def test_the_task_is_red_for_good_before_anything_is_sent(open_rig: OpenRig) -> None:
    rig = open_rig("sonoran")
    rig.hold(1)
    rig.stand_in.definitions = list(DEFINITIONS)
    outcome = rig.run([{"id": rig.sample.key(1), "n": "x"}], key="id", fields={"Displey name": "n"})
    assert outcome.for_good
    assert f"did you mean '{NAME}', Display name" in outcome.said
    assert rig.stand_in.writes == []
