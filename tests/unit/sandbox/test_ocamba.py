"""Ocamba: the seven fields, 204 without a body, and what its pages leave open."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .conftest import Door

PROFILES = "/v1/hood/profiles"


def patch(door: Door, body: Any, key: str | None = None) -> requests.Response:
    return door.ask("PATCH", f"{PROFILES}/{key or door.key}", json=body)


def test_ids_are_strings_of_19_or_20_digits(ocamba: Door) -> None:
    assert {len(key) for key in ocamba.sandbox.keys("ocamba") if key.isdecimal()} == {19, 20}


def test_an_update_of_all_seven_fields_is_204_and_empty(ocamba: Door) -> None:
    fields = {
        "email": "ada@example.com",
        "mobile_phone_number": "+4965824568",
        "full_name": "Ada Lovelace",
        "organization_id": "1000",
        "lists": ["1000102"],
        "comment": "New comment",
        "custom_properties": {"clicker": "1"},
    }
    answer = patch(ocamba, fields)
    assert (answer.status_code, answer.content) == (204, b"")
    assert ocamba.fields() == fields


def test_fields_not_sent_are_left_unchanged(ocamba: Door) -> None:
    before = ocamba.fields()
    patch(ocamba, {"full_name": "Ada"})
    assert ocamba.fields() == {**before, "full_name": "Ada"}


@pytest.mark.parametrize(
    "body",
    [{}, [], {"nickname": "x"}, {"email": "a@example.com", "nickname": "x"}, {"lists": "1"}, {"email": 7}],
)
def test_a_body_that_is_not_valid_is_400_with_a_trace_id(ocamba: Door, body: Any) -> None:
    before = ocamba.fields()
    answer = patch(ocamba, body)
    document = answer.json()
    assert (answer.status_code, document["code"], document["title"]) == (400, 400, "Bad request.")
    assert document["message"] == "The request is not valid."
    assert document["trace_id"]
    assert ocamba.fields() == before


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_profile_is_400_or_404(ocamba: Door, status: int) -> None:
    ocamba.set(unknown_id=status)
    answer = patch(ocamba, {"email": "x@example.com"}, "17430755068736100383")
    assert (answer.status_code, answer.json()["message"]) == (status, "Unknown profile id.")


def test_a_bad_token_is_401_with_a_literal_trace_id(ocamba: Door) -> None:
    answer = ocamba.ask("GET", PROFILES, headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 401,
        "title": "Unauthorized.",
        "message": "Unauthorized.",
        "trace_id": "{}",
    }


def test_an_eighth_field_can_be_ignored(ocamba: Door) -> None:
    ocamba.set(unknown_field="ignore")
    assert patch(ocamba, {"full_name": "Ada", "nickname": "x"}).status_code == 204
    assert (ocamba.fields()["full_name"], "nickname" in ocamba.fields()) == ("Ada", False)


@pytest.mark.parametrize(("reading", "held"), [("replace", ["2"]), ("add", ["1", "2"])])
def test_lists_replace_or_add(ocamba: Door, reading: str, held: list[str]) -> None:
    ocamba.set(lists=reading)
    patch(ocamba, {"lists": ["1"]}) if reading == "replace" else ocamba.sandbox.load(
        "ocamba", {"9": {"lists": ["1"]}}
    )
    patch(ocamba, {"lists": ["2"]})
    assert ocamba.fields()["lists"] == held


@pytest.mark.parametrize(("reading", "held"), [("replace", {"b": "2"}), ("merge", {"a": "1", "b": "2"})])
def test_custom_properties_replace_or_merge(ocamba: Door, reading: str, held: dict[str, str]) -> None:
    ocamba.set(custom_properties=reading)
    patch(ocamba, {"custom_properties": {"a": "1"}})
    patch(ocamba, {"custom_properties": {"b": "2"}})
    assert ocamba.fields()["custom_properties"] == held


def test_custom_properties_may_be_a_text_that_holds_json(ocamba: Door) -> None:
    assert patch(ocamba, {"custom_properties": '{"clicker": "1"}'}).status_code == 204
    assert ocamba.fields()["custom_properties"] == {"clicker": "1"}
    ocamba.set(custom_properties_text="refuse")
    assert patch(ocamba, {"custom_properties": '{"clicker": "2"}'}).status_code == 400


def test_null_unsets_or_is_refused(ocamba: Door) -> None:
    assert patch(ocamba, {"comment": None}).status_code == 204
    ocamba.set(null_value="refuse")
    assert patch(ocamba, {"comment": None}).status_code == 400


def test_an_email_of_another_profile_and_an_unknown_list_can_be_refused(ocamba: Door) -> None:
    other = list(ocamba.sandbox.profiles("ocamba").values())[1]["email"]
    assert patch(ocamba, {"email": other, "lists": ["7"]}).status_code == 204
    ocamba.set(same_email="refuse", references="refuse")
    assert patch(ocamba, {"email": other}).json()["message"] == "Email already exists."
    assert patch(ocamba, {"lists": ["7"]}).status_code == 400


def test_the_reads_beside_it_answer(ocamba: Door) -> None:
    assert ocamba.ask("POST", "/v2/ocamba/personal-api-keys/validate").status_code == 204
    page = ocamba.ask("GET", PROFILES, params={"page": "3,12", "fields": "id,email"}).json()
    assert (page["total"], len(page["items"]), set(page["items"][0])) == (30, 6, {"id", "email"})
    email = ocamba.fields()["email"]
    found = ocamba.ask("GET", PROFILES, params={"email": email}).json()["items"]
    assert [each["id"] for each in found] == [ocamba.key]
    one = ocamba.ask("GET", f"{PROFILES}/{ocamba.key}").json()
    assert (one["total"], one["items"][0]["email"]) == (1, email)
    patch(ocamba, {"custom_properties": {"clicker": "1"}})
    for name in ("profile-lists", "organizations", "profile-properties"):
        assert ocamba.ask("GET", f"/v1/hood/{name}").json()["items"]


def test_a_profile_is_created_with_an_address_and_deleted_twice(ocamba: Door) -> None:
    assert ocamba.ask("POST", PROFILES, json={"full_name": "Ada"}).status_code == 400
    created = ocamba.ask("POST", PROFILES, json={"email": "new@example.com"})
    assert created.status_code == 201
    path = f"{PROFILES}/{created.json()['id']}"
    assert [ocamba.ask("DELETE", path).status_code for _ in range(2)] == [204, 204]
    assert ocamba.ask("GET", path).status_code == 400
