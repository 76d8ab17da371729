"""Agile.Now: tokens that expire, accounts named in three ways, PUT and what it resets, the error record."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote

import pytest
import requests

from .conftest import Door

ROOT = "/Endpoint/rest/api/v1"


def put(door: Door, key: str, body: Any, name: str | None = None) -> requests.Response:
    path = f"{ROOT}/Account/{quote(key, safe='')}"
    return door.ask("PUT", path, json=body, params={"Name": name} if name else {})


def in_base64(text: str) -> str:
    return "base64|" + base64.b64encode(text.encode()).decode()


def token(door: Door, **form: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": door.connection["login"],
        "client_secret": door.connection["password"],
        **form,
    }
    return door.ask("POST", "/oAuth/rest/v2/Token", data=form, headers={"Authorization": None})


def refused(answer: requests.Response, status: int, kind: str) -> str:
    """Check an error record and return its text."""
    record = answer.json()
    assert answer.status_code == record["StatusCode"] == status
    assert kind in record["Type"]
    assert record["RequestKey"]
    assert record["Title"]
    return str(record["Errors"][0])


# -- tokens ------------------------------------------------------------------------------------------------


def test_a_token_is_a_bearer_token_for_about_an_hour(agilenow: Door) -> None:
    answer = token(agilenow)
    assert answer.status_code == 200
    assert {**answer.json(), "access_token": 1, "refresh_token": 1} == {
        "token_type": "Bearer",
        "expires_in": 3599,
        "access_token": 1,
        "refresh_token": 1,
    }


def test_id_and_secret_may_be_basic_credentials(agilenow: Door) -> None:
    text = f"{quote(agilenow.connection['login'])}:{quote(agilenow.connection['password'], safe='')}"
    headers = {"Authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}
    form = {"grant_type": "client_credentials"}
    assert agilenow.ask("POST", "/oAuth/rest/v2/Token", data=form, headers=headers).status_code == 200


def test_a_wrong_secret_is_a_403_with_an_oauth_error_and_an_error_record(agilenow: Door) -> None:
    answer = token(agilenow, client_secret="wrong")
    record = answer.json()
    assert (answer.status_code, record["StatusCode"]) == (403, 403)
    assert (record["error"], record["Type"]) == ("Permission", "/Errors/Permission")
    assert record["Errors"] == [record["error_description"]]


def test_a_wrong_secret_can_be_a_400(agilenow: Door) -> None:
    agilenow.set(wrong_secret=400)
    assert token(agilenow, client_secret="wrong").json()["error"] == "invalid_client"


def test_a_refresh_token_works_once(agilenow: Door) -> None:
    refresh = token(agilenow).json()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": refresh}
    assert agilenow.ask("POST", "/oAuth/rest/v2/Token", data=form).status_code == 200
    assert agilenow.ask("POST", "/oAuth/rest/v2/Token", data=form).status_code == 400


def test_a_token_expires(agilenow: Door) -> None:
    assert put(agilenow, agilenow.key, {"Name": "x"}).status_code == 200
    agilenow.sandbox.advance(3600)
    refused(put(agilenow, agilenow.key, {"Name": "y"}), 401, "/Errors/Unauthorized")


def test_the_lifetime_of_a_token_can_be_set(agilenow: Door) -> None:
    agilenow.set(token_lifetime=5)
    assert token(agilenow).json()["expires_in"] == 5


def test_without_a_token_nothing_is_answered(agilenow: Door) -> None:
    answer = agilenow.ask("GET", f"{ROOT}/Accounts", headers={"Authorization": None})
    refused(answer, 401, "/Errors/Unauthorized")


def test_scopes_can_be_enforced(agilenow: Door) -> None:
    agilenow.set(enforce_scopes=True)
    for scope, status in (("AccessManager:Update", 200), ("AccessUser:Read", 403)):
        held = token(agilenow, scope=scope).json()["access_token"]
        agilenow.session.headers["Authorization"] = f"Bearer {held}"
        assert put(agilenow, agilenow.key, {"Name": scope}).status_code == status


# -- the update --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "Id", "Username", "ExternalId"])
@pytest.mark.parametrize("encode", [str, in_base64])
def test_an_account_is_named_by_three_fields_plain_or_in_base64(
    agilenow: Door, kind: str | None, encode: Any
) -> None:
    named = agilenow.sandbox.keys("agilenow")[agilenow.key]
    answer = put(agilenow, encode(named[kind or "Id"]), {"FirstName": "Ada"}, kind)
    assert (answer.status_code, answer.json()["FirstName"]) == (200, "Ada")
    assert agilenow.fields()["FirstName"] == "Ada"
    assert agilenow.sandbox.requests("agilenow", last=1)["log"][0]["key"] == named[kind or "Id"]


def test_a_username_with_a_slash_is_found_in_base64_and_percent_encoded(agilenow: Door) -> None:
    agilenow.sandbox.load("agilenow", {"1": {"Username": "a/b?c"}})
    for written in ("a/b?c", in_base64("a/b?c")):
        assert put(agilenow, written, {"Name": written}, "Username").status_code == 200


def test_the_whole_record_is_returned_with_foreign_keys_as_objects(agilenow: Door) -> None:
    answer = put(agilenow, agilenow.key, {"LanguageId": "fi-FI", "Is_Active": False}).json()
    assert answer["LanguageId"] == {
        "Id": "fi-FI",
        "ExternalId": "fi-FI",
        "Name": "fi-FI",
        "Type": "Language",
    }
    assert answer["TenantId"]["Type"] == "Tenant"
    assert (answer["Id"], answer["Is_Active"], answer["EmailVerified"]) == (agilenow.key, False, False)
    assert agilenow.fields()["LanguageId"] == "fi-FI"


def test_left_out_fields_keep_their_value(agilenow: Door) -> None:
    before = agilenow.fields()
    put(agilenow, agilenow.key, {"FirstName": "Ada"})
    assert agilenow.fields() == {**before, "FirstName": "Ada"}


def test_left_out_fields_can_be_reset(agilenow: Door) -> None:
    agilenow.set(left_out="reset")
    answer = put(agilenow, agilenow.key, {"FirstName": "Ada", "Is_Active": True}).json()
    assert (answer["FirstName"], answer["Is_Active"]) == ("Ada", True)
    assert (answer["NotifyByEmail"], answer["LastName"], answer["LanguageId"]["Id"]) == (False, "", "")


def test_an_unknown_account_is_404(agilenow: Door) -> None:
    refused(put(agilenow, "nobody", {"Name": "x"}), 404, "/Errors/Not Found")


def test_several_accounts_with_one_username_are_400(agilenow: Door) -> None:
    agilenow.sandbox.load("agilenow", {"1": {"Username": "ada"}, "2": {"Username": "ada"}})
    text = refused(put(agilenow, "ada", {"Name": "x"}, "Username"), 400, "Errors/Multible Rows")
    assert text == "There are multiple rows in the database for the same value"


@pytest.mark.parametrize(
    "wrong",
    [
        {"LanguageId": "klingon"},
        {"LanguageId": {"Value": "fi-FI"}},
        {"Is_Active": "true"},
        {"FirstName": 7},
        {"IsActive": True},
        {"PhoneVerified": True},
        ["FirstName"],
    ],
)
def test_a_body_that_does_not_fit_the_account_is_bad_input(agilenow: Door, wrong: Any) -> None:
    before = agilenow.fields()
    body = {"LastName": "x", **wrong} if isinstance(wrong, dict) else wrong
    refused(put(agilenow, agilenow.key, body), 400, "/Errors/Bad Input")
    assert agilenow.fields() == before


@pytest.mark.parametrize("field", ["Username", "ExternalId", "Email", "Phone", "Identifier"])
def test_unique_fields_cannot_be_taken_twice_but_kept(agilenow: Door, field: str) -> None:
    own, other = list(agilenow.sandbox.profiles("agilenow").values())[:2]
    refused(put(agilenow, agilenow.key, {field: other[field]}), 400, "/Errors/Bad Input")
    assert put(agilenow, agilenow.key, {field: own[field]}).status_code == 200


def test_a_bad_enum_an_unknown_member_and_chosen_fields_can_be_ignored(agilenow: Door) -> None:
    agilenow.set(bad_enum="ignore", unknown_member="ignore", ignored_fields=["Phone"])
    before = agilenow.fields()
    body = {"LanguageId": "klingon", "IsActive": False, "Phone": "+1", "LastName": "L"}
    assert put(agilenow, agilenow.key, body).status_code == 200
    assert agilenow.fields() == {**before, "LastName": "L"}


@pytest.mark.parametrize(("reading", "left"), [("clear", ""), ("ignore", None)])
def test_null_empties_a_field_or_does_nothing(agilenow: Door, reading: str, left: str | None) -> None:
    agilenow.set(null_value=reading)
    old = agilenow.fields()["Phone"]
    assert put(agilenow, agilenow.key, {"Phone": None}).status_code == 200
    assert agilenow.fields()["Phone"] == (old if left is None else left)


# -- the other verbs ---------------------------------------------------------------------------------------


def test_accounts_are_created_upserted_read_and_deleted(agilenow: Door) -> None:
    person = {"FirstName": "Ada", "LastName": "L", "Email": "ada@example.com", "Username": "ada-l"}
    created = agilenow.ask("POST", f"{ROOT}/Account", json=person).json()
    assert agilenow.ask("POST", f"{ROOT}/Account", json=person).status_code == 400
    again = agilenow.ask("PATCH", f"{ROOT}/Account", json={**person, "LastName": "M"}).json()
    assert (again["Id"], again["LastName"]) == (created["Id"], "M")
    refused(agilenow.ask("PATCH", f"{ROOT}/Account", json={"Id": "none"}), 404, "/Errors/Not Found")
    path = f"{ROOT}/Account/{created['Id']}"
    assert agilenow.ask("GET", path).json() == again
    assert agilenow.ask("DELETE", path).status_code == 200
    assert agilenow.ask("GET", path).status_code == 404


def accounts(door: Door, **asked: Any) -> dict[str, Any]:
    answer = door.ask("GET", f"{ROOT}/Accounts", params=asked)
    assert answer.status_code == 200
    document: dict[str, Any] = answer.json()
    return document


def test_lists_page_from_zero_and_select_fields(agilenow: Door) -> None:
    page = accounts(agilenow, CurrentPage=1, PageSize=20, Fields="Id,Username")
    assert page["Meta"] == {"TotalItems": 30, "CurrentPage": 1, "PageSize": 20, "Type": "Account"}
    assert [set(each) for each in page["Data"]] == [{"Id", "Username"}] * 10


def test_lists_filter_and_sort(agilenow: Door) -> None:
    held = list(agilenow.sandbox.profiles("agilenow").values())
    first, second = held[0]["Username"], held[1]["Username"]
    both = f"(Username = {first}) OR (Username = {second})"
    found = accounts(agilenow, Filters=both, Orders="Username DESC")["Data"]
    assert [each["Username"] for each in found] == sorted([first, second], reverse=True)
    assert len(accounts(agilenow, Filters=f"Username In {first};{second}")["Data"]) == 2
    assert len(accounts(agilenow, Filters="Email Like example.com AND Is_Active = true")["Data"]) == 30
    assert accounts(agilenow, Filters="TenantId.Name = Other")["Data"] == []
    bad = agilenow.ask("GET", f"{ROOT}/Accounts", params={"Filters": "what"})
    refused(bad, 400, "/Errors/Bad Input")
