"""Traps that a client falls into which takes a vendor's kindness for a rule; our hooks fall into none."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import pytest
import requests

from airflow_profile_provider.sandbox import Sandbox

from .conftest import Door

STEAM = "d9d1288e-3892-40d6-acc5-be2c3d294bd4"
ZONE = "3b9c1f5e-804d-4da1-ae6f-70819cadbe23"
HOOKS = {
    "sonoran": "SonoranHook",
    "communifire": "CommunifireHook",
    "agilenow": "AgileNowHook",
    "lightfield": "LightfieldHook",
    "ocamba": "OcambaHook",
}


def push(
    sandbox: Sandbox, vendor: str, change: dict[str, Any], monkeypatch: pytest.MonkeyPatch, **options: Any
) -> str:
    """Push a change with our hook and return its verdict."""
    monkeypatch.setenv(
        f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(sandbox.connections()[f"{vendor}_default"])
    )
    hook = getattr(import_module(f"airflow_profile_provider.hooks.{vendor}"), HOOKS[vendor])()
    report = hook.push([change], quota="none", **options).as_dict()
    (verdict,) = [name for name in ("pushed", "created", "rejected", "invalid", "failed") if report[name]]
    return str(verdict)


# -- Sonoran: fields have types -----------------------------------------------------------------------------


def edit(door: Door, field: str, value: Any) -> requests.Response:
    body = {
        "id": door.connection["login"],
        "key": door.connection["password"],
        "type": "EDIT_ACC_PROFLIE_FIELDS",
        "data": [{"accId": door.key, "profileFields": [{"id": field, "value": value}]}],
    }
    return door.ask("POST", "/general/edit_acc_profile_fields", json=body)


@pytest.mark.parametrize(
    ("field", "value"), [(STEAM, "steam:1"), (STEAM, [1]), (ZONE, "Mars"), (ZONE, ["UTC"])]
)
def test_sonoran_refuses_what_a_fields_type_does_not_take_or_drops_it(
    sonoran: Door, field: str, value: Any
) -> None:
    before = sonoran.fields()
    assert edit(sonoran, field, value).status_code == 400
    sonoran.set(misfit="ignore")
    assert edit(sonoran, field, value).status_code == 200
    assert sonoran.fields() == before


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_our_hook_reads_the_types_and_writes_them(
    sonoran: Door, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": sonoran.key, "steam": '["a", "b"]', "zone": "CET"}
    connection = sonoran.sandbox.connections()["sonoran_default"]
    connection["extra"] = {**connection.get("extra", {}), "api": api}
    monkeypatch.setattr(sonoran.sandbox, "connections", lambda: {"sonoran_default": connection})
    fields = {STEAM: "steam", ZONE: "zone"}
    assert push(sonoran.sandbox, "sonoran", row, monkeypatch, key="id", fields=fields) == "pushed"
    assert (sonoran.fields()[STEAM], sonoran.fields()[ZONE]) == (["a", "b"], "CET")


# -- Communifire: identifiers in any spelling, ids that make users ------------------------------------------


def post(door: Door, body: Any, query: str = "?AddUser=false") -> Any:
    return door.ask("POST", f"/api/users/fields{query}", json=body).json()


@pytest.mark.parametrize("label", ["UserName", "USERNAME", "User name"])
def test_communifire_takes_an_identifier_in_any_spelling(communifire: Door, label: str) -> None:
    assert not post(communifire, {"UserID": communifire.key, label: "boss"})["IsError"]
    assert communifire.fields()["Username"] == "boss"
    communifire.set(identifier_spelling="exact")
    assert post(communifire, {"UserID": communifire.key, label: "boss"})["IsError"]


def test_our_hook_changes_nobodys_user_name_by_the_way(
    communifire: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = communifire.fields()
    change = {"key": communifire.key, "fields": {"UserName": "boss"}}
    assert push(communifire.sandbox, "communifire", change, monkeypatch) == "invalid"
    assert communifire.fields() == before


def test_communifire_may_take_case_for_nothing(communifire: Door) -> None:
    email = communifire.fields()["Email"].upper()
    assert post(communifire, {"Email": email, "Phone": "1"})["IsError"]
    communifire.set(same_person="ignore_case")
    assert post(communifire, {"Email": email, "Phone": "1"})["ResponseData"] == int(communifire.key)


def test_communifire_may_make_a_user_of_an_id_that_it_does_not_know(
    communifire: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {"UserID": "99999", "Phone": "1"}
    assert post(communifire, body, "")["IsError"]
    communifire.set(add_by_id="make")
    assert post(communifire, body, "")["ResponseData"] != 99999
    people = len(communifire.sandbox.keys("communifire"))
    change = {"key": "99999", "fields": {"Phone": "1"}}
    assert push(communifire.sandbox, "communifire", change, monkeypatch, mode="upsert") == "invalid"
    assert len(communifire.sandbox.keys("communifire")) == people


def test_communifire_may_take_a_text_that_holds_json(communifire: Door) -> None:
    body = json.dumps({"UserID": communifire.key, "Phone": "1"})
    assert not post(communifire, body)["IsError"]
    communifire.set(text_body="refuse")
    assert post(communifire, body)["IsError"]


# -- Agile.Now and Lightfield: answers about somebody else, and old values ----------------------------------

UPDATES = {"agilenow": {"FirstName": "Zaphod"}, "lightfield": {"$name": "Heart of Gold"}}


@pytest.mark.parametrize("vendor", list(UPDATES))
def test_an_answer_about_somebody_else_is_no_success(
    sandbox: Sandbox, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, other, *_ = sandbox.keys(vendor)
    change = {"key": key, "fields": UPDATES[vendor]}
    sandbox.settings(vendor, answers_as=other)
    assert push(sandbox, vendor, change, monkeypatch) == "rejected"
    sandbox.settings(vendor, answers_as="")
    assert push(sandbox, vendor, change, monkeypatch) == "pushed"


@pytest.mark.parametrize("vendor", list(UPDATES))
def test_an_old_value_in_the_answer_is_no_success(
    sandbox: Sandbox, vendor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = {"key": next(iter(sandbox.keys(vendor))), "fields": UPDATES[vendor]}
    sandbox.settings(vendor, ignored_fields=list(UPDATES[vendor]))
    assert push(sandbox, vendor, change, monkeypatch) == "rejected"


@pytest.mark.parametrize(
    "operations",
    [{"replace": ["con_1", "con_2"]}, {"add": ["con_1", "con_2"], "remove": ["con_3"]}],
    ids=list,
)
def test_lightfield_may_take_one_operation_a_request(
    lightfield: Door, operations: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {lightfield.key: {"$contact": ["con_1", "con_2", "con_3"]}}  # so that the sandbox knows them
    lightfield.sandbox.load("lightfield", {lightfield.key: {}}, relationships=held)
    lightfield.set(replace_array="refuse", several_operations="refuse")
    change = {"key": lightfield.key, "fields": {}, "relationships": {"$contact": operations}}
    assert push(lightfield.sandbox, "lightfield", change, monkeypatch) == "rejected"
    connection = lightfield.sandbox.connections()["lightfield_default"]
    connection["extra"] = {"operations": "single"}
    monkeypatch.setattr(lightfield.sandbox, "connections", lambda: {"lightfield_default": connection})
    assert push(lightfield.sandbox, "lightfield", change, monkeypatch) == "pushed"
    found = lightfield.sandbox.relationships("lightfield")[lightfield.key]["$contact"]
    assert sorted(found) == ["con_1", "con_2"]


@pytest.mark.parametrize("written", ["2026-03-16T12:00:00.123456+02:00", "2026-03-16T12:00:00Z"])
def test_lightfield_keeps_moments_in_utc_to_the_millisecond(
    lightfield: Door, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = {"key": lightfield.key, "fields": {"renewalDate": written}}
    assert push(lightfield.sandbox, "lightfield", change, monkeypatch) == "pushed"


# -- Ocamba: nulls inside custom properties -----------------------------------------------------------------


def test_ocamba_may_refuse_null_inside_custom_properties(
    ocamba: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, body = f"/v1/hood/profiles/{ocamba.key}", {"custom_properties": {"tier": None, "n": "1"}}
    assert ocamba.ask("PATCH", path, json=body).status_code == 204
    ocamba.set(null_property="refuse")
    assert ocamba.ask("PATCH", path, json=body).status_code == 400
    change = {"key": ocamba.key, "fields": body}
    assert push(ocamba.sandbox, "ocamba", change, monkeypatch) == "invalid"
    assert push(ocamba.sandbox, "ocamba", change, monkeypatch, nulls="skip") == "pushed"
    assert ocamba.fields()["custom_properties"] == {"n": "1"}
