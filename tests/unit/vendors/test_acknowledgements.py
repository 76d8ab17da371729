"""An answer that carries the record is held against what was sent: another value is no success."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from standins import Fault

from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendors.lightfield.attributes import value_taken

from .conftest import hook_of

STEAM, NAME = "d9d1288e-3892-40d6-acc5-be2c3d294bd4", "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"

Push = Callable[..., str]


@pytest.fixture
def pushed(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Push:
    """Push changes of the first profiles of the sandbox, and return their verdict."""

    def push(vendor: str, *changes: dict[str, Any], extra: Any = None, **options: Any) -> str:
        connection = {
            **sandbox.connections()[f"{vendor}_default"],
            "extra": {"quota": "none", **(extra or {})},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps(connection))
        keys = list(sandbox.keys(vendor))
        named = [{"key": keys[n], "fields": change} for n, change in enumerate(changes)]
        report = hook_of(vendor).push(named, **options).as_dict()
        (verdict,) = [name for name in ("pushed", "rejected", "invalid", "failed") if report[name]]
        assert report[verdict] == len(changes)
        return verdict

    return push


# -- Sonoran ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_sonoran_a_field_that_was_not_cleared_was_ignored(api: str, sandbox: Sandbox, pushed: Push) -> None:
    assert pushed("sonoran", {NAME: "Ada"}, extra={"api": api}) == "pushed"
    sandbox.settings("sonoran", empty_value="ignore", v2_answer="all")
    assert pushed("sonoran", {NAME: None}, extra={"api": api}, nulls="clear") == "rejected"


def test_sonoran_a_field_that_was_not_cleared_is_no_success_in_a_batch_either(
    sandbox: Sandbox, pushed: Push
) -> None:
    assert pushed("sonoran", {NAME: "Ada"}, {NAME: "Bo"}, batch_size=2) == "pushed"
    sandbox.settings("sonoran", empty_value="ignore")
    assert pushed("sonoran", {NAME: None}, {NAME: None}, batch_size=2, nulls="clear") == "rejected"


def test_sonoran_a_batch_that_clears_is_proven_where_the_field_is_gone(
    sandbox: Sandbox, pushed: Push
) -> None:
    assert pushed("sonoran", {NAME: "Ada"}, {NAME: "Bo"}, batch_size=2) == "pushed"
    sandbox.forget_requests("sonoran")
    assert pushed("sonoran", {NAME: None}, {NAME: None}, batch_size=2, nulls="clear") == "pushed"
    assert sandbox.requests("sonoran")["writes"] == 2  # accounts; each is written once


def test_sonoran_a_verified_field_that_kept_its_value_was_ignored(sandbox: Sandbox, pushed: Push) -> None:
    sandbox.settings("sonoran", verified_fields="ignore")
    assert pushed("sonoran", {"discord": "123456789012345678"}) == "rejected"


# -- Lightfield ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sent", "held"),
    [
        ("TELEPHONE", ["+358 40 123 4567"], ["+15551234567"]),
        ("URL", ["https://acme.example.com"], ["https://old.example.com"]),
        ("SOCIAL_HANDLE", "https://x.com/acme", "https://x.com/other"),
        ("ADDRESS", {"city": "Turku", "street": "Aura 1"}, {"city": "Oulu", "street": "Kajaani 2"}),
        ("FULL_NAME", {"firstName": "Ada"}, {"firstName": "Bo"}),
        ("MARKDOWN", "# New", "# Old"),
        ("HTML", "<p>New</p>", "<p>Old</p>"),
        ("SOMETHING_NEW", "new", "old"),
    ],
)
def test_lightfield_another_value_of_a_type_that_is_rewritten_was_ignored(
    kind: str, sent: Any, held: Any
) -> None:
    assert value_taken(sent, {"value": held, "valueType": kind}) == "ignored"


@pytest.mark.parametrize(
    ("kind", "sent", "held"),
    [
        ("TELEPHONE", ["040 123 4567"], ["+358401234567"]),
        ("TELEPHONE", ["+1 (415) 555-0100 x12"], ["+14155550100;ext=12"]),
        ("URL", ["acme.example.com/"], ["https://acme.example.com"]),
        ("URL", "https://www.acme.example.com", ["acme.example.com"]),
        ("SOCIAL_HANDLE", "https://x.com/acme", "acme"),
        ("ADDRESS", {"city": "Turku", "country": "US"}, {"city": "TURKU", "country": "United States"}),
        ("FULL_NAME", {"firstName": "Ada", "lastName": "Lovelace"}, {"firstName": "ADA"}),
        ("MARKDOWN", "# New *thing*", "New thing"),
        ("HTML", "New", "<p>New</p>"),
        ("SOMETHING_NEW", "new", ["NEW!"]),
    ],
)
def test_lightfield_another_form_of_a_value_is_another_form(kind: str, sent: Any, held: Any) -> None:
    assert value_taken(sent, {"value": held, "valueType": kind}) == "other"


def test_lightfield_a_phone_that_kept_its_old_number_is_rejected(open_rig: OpenRig) -> None:
    rig = open_rig("lightfield")
    rig.hold(1)
    shown = {"phone": {"value": ["+15550000000"], "valueType": "TELEPHONE"}}
    body = {"id": rig.sample.key(1), "fields": shown, "relationships": {}}
    rig.stand_in.faults = [Fault(200, body, times=None)]
    report = rig.push([rig.change(1, phone="+358 40 123 4567")])
    assert (report.rejected, report.pushed) == (1, 0)


def test_lightfield_what_a_vendor_tidies_is_taken(sandbox: Sandbox, pushed: Push) -> None:
    sandbox.settings("lightfield", rewrites="tidy")
    assert pushed("lightfield", {"$name": " Acme ", "$website": ["https://Acme.example.com"]}) == "pushed"


# -- Agile.Now ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("write", ["merge", "put"])
@pytest.mark.parametrize(
    "change", [{"FirstName": "Someone new"}, {"Is_Active": False}, {"LanguageId": "ja-JP"}], ids=str
)
def test_agilenow_a_field_that_kept_its_old_value_was_ignored(
    write: str, change: dict[str, Any], sandbox: Sandbox, pushed: Push
) -> None:
    sandbox.settings("agilenow", ignored_fields=list(change))
    assert pushed("agilenow", change, write=write) == "rejected"


@pytest.mark.parametrize("write", ["merge", "put"])
def test_agilenow_a_field_that_was_not_cleared_was_ignored(
    write: str, sandbox: Sandbox, pushed: Push
) -> None:
    sandbox.settings("agilenow", null_value="ignore")
    extra = {"clear_with": "null"}
    assert pushed("agilenow", {"Phone": None}, write=write, nulls="clear", extra=extra) == "rejected"


@pytest.mark.parametrize("write", ["merge", "put"])
def test_agilenow_what_a_server_tidies_is_taken(write: str, sandbox: Sandbox, pushed: Push) -> None:
    sandbox.settings("agilenow", rewrites="tidy")
    change = {"Email": "Ada.Lovelace@Example.com", "Phone": "+358 (555) 123-456", "FirstName": " Ada "}
    assert pushed("agilenow", change, write=write) == "pushed"


def test_agilenow_another_form_of_all_fields_is_taken(open_rig: OpenRig) -> None:
    rig = open_rig("agilenow")
    rig.stand_in.lowers = {"Email"}
    rig.hold(1)
    whole = {**rig.holds(1), "Email": "Ada.Lovelace@Example.com"}
    assert rig.push([rig.change(1, **whole)]).pushed == 1
