"""Communifire: labels and one identifier in a flat object, IsError instead of a status, AddUser."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Door


def push(door: Door, fields: dict[str, Any], add: str | None = "false") -> dict[str, Any]:
    query = {} if add is None else {"AddUser": add}
    answer = door.ask("POST", "/api/users/fields", params=query, json=fields)
    assert answer.status_code == 200
    envelope: dict[str, Any] = answer.json()
    assert set(envelope) == {"IsError", "ResponseMessage", "ResponseData"}
    return envelope


@pytest.mark.parametrize("kind", ["UserID", "Email", "Username"])
def test_one_identifier_finds_the_user_and_the_answer_is_the_id(communifire: Door, kind: str) -> None:
    named = communifire.sandbox.keys("communifire")[communifire.key]
    answer = push(communifire, {kind: named[kind], "Company": "Axero Solutions"})
    assert answer == {"IsError": False, "ResponseMessage": "", "ResponseData": int(communifire.key)}
    assert communifire.fields()["Company"] == "Axero Solutions"


def test_values_are_kept_as_strings(communifire: Door) -> None:
    push(communifire, {"UserID": communifire.key, "Share my profile": False, "Phone": 5625551234})
    assert communifire.fields()["Share my profile"] == "false"
    assert communifire.fields()["Phone"] == "5625551234"


def test_labels_are_case_sensitive_and_an_unknown_one_is_an_error(communifire: Door) -> None:
    before = communifire.fields()
    answer = push(communifire, {"UserID": communifire.key, "company": "x", "Phone": "1"})
    assert answer["IsError"]
    assert "company" in answer["ResponseMessage"]
    assert communifire.fields() == before


def test_an_unknown_label_can_be_ignored(communifire: Door) -> None:
    communifire.set(unknown_label="ignore")
    assert not push(communifire, {"UserID": communifire.key, "company": "x", "Phone": "1"})["IsError"]
    assert communifire.fields()["Phone"] == "1"
    assert "company" not in communifire.fields()


@pytest.mark.parametrize(
    ("add", "found", "made"),
    [("false", False, False), (None, True, True), ("", True, True), ("true", True, True)],
)
def test_add_user_decides_about_an_unknown_user(
    communifire: Door, add: str | None, found: bool, made: bool
) -> None:
    answer = push(communifire, {"Email": "new@example.com", "First name": "Ada"}, add)
    assert answer["IsError"] != found
    held = communifire.sandbox.profiles("communifire").values()
    assert ("new@example.com" in {each["Email"] for each in held}) == made
    assert communifire.sandbox.requests("communifire")["created"] == made


@pytest.mark.parametrize(("reading", "made"), [("error", 0), ("duplicate", 1)])
def test_adding_a_user_who_exists_is_an_error_or_makes_a_second_one(
    communifire: Door, reading: str, made: int
) -> None:
    communifire.set(add_existing=reading)
    email = communifire.fields()["Email"]
    assert push(communifire, {"Email": email}, "true")["IsError"] == (made == 0)
    held = [each for each in communifire.sandbox.profiles("communifire").values() if each["Email"] == email]
    assert len(held) == 1 + made


@pytest.mark.parametrize(("reading", "email"), [("write", "new@example.com"), ("ignore", None)])
def test_a_second_identifier_is_written_or_ignored(
    communifire: Door, reading: str, email: str | None
) -> None:
    communifire.set(second_identifier=reading)
    old = communifire.fields()["Email"]
    push(communifire, {"UserID": communifire.key, "Email": "new@example.com"})
    assert communifire.fields()["Email"] == (email or old)


@pytest.mark.parametrize(("reading", "left"), [("clear", False), ("ignore", True)])
def test_an_empty_value_clears_or_does_nothing(communifire: Door, reading: str, left: bool) -> None:
    communifire.set(empty_value=reading)
    push(communifire, {"UserID": communifire.key, "Phone": ""})
    assert ("Phone" in communifire.fields()) == left


def test_no_identifier_is_an_error(communifire: Door) -> None:
    assert push(communifire, {"Phone": "1"})["IsError"]


def test_the_body_must_be_declared_as_json(communifire: Door) -> None:
    assert communifire.ask("POST", "/api/users/fields", data="{}").status_code == 415


@pytest.mark.parametrize(
    ("headers", "query", "level", "status"),
    [
        ({"Rest-API-Key": "wrong"}, False, 1, 401),
        ({"Rest-API-Key": None}, False, 1, 401),
        ({"Rest-API-Key": None}, True, 1, 200),
        ({"Rest-API-Key": None, "Authorization": "Bearer {key}"}, False, 2, 200),
        ({}, False, 2, 401),
    ],
)
def test_the_key_goes_in_the_header_or_the_address_or_as_a_bearer_token(
    communifire: Door, headers: dict[str, str | None], query: bool, level: int, status: int
) -> None:
    communifire.set(security_level=level)
    key = communifire.connection["password"]
    sent = {name: value and value.format(key=key) for name, value in headers.items()}
    answer = communifire.ask("GET", "/api/users/me", headers=sent, params={"token": key} if query else {})
    assert answer.status_code == status


def test_the_reads_beside_it_answer(communifire: Door) -> None:
    key, fields = communifire.key, communifire.fields()
    assert communifire.ask("GET", "/api/users/me").json()["UserID"] == 999999
    last = communifire.ask("GET", "/api/users", params={"startpage": 3, "pagelength": 12}).json()
    assert len(last["ResponseData"]) == 6
    found = communifire.ask("GET", "/api/users", params={"username": fields["Username"]}).json()
    assert [each["UserID"] for each in found["ResponseData"]] == [int(key)]
    assert communifire.ask("GET", f"/api/users/{key}/details").json()["ResponseData"]["UserID"] == int(key)
    asked = {"contenttypeid": "15", "fields": "UserID,Email,FirstName"}
    read = communifire.ask("GET", f"/api/content/{key}", params=asked).json()["ResponseData"]
    assert read == {"UserID": int(key), "Email": fields["Email"], "FirstName": fields["First name"]}
    assert communifire.ask("GET", "/api/nothing").status_code == 404
