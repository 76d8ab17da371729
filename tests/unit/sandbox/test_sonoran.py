"""Sonoran's first API: credentials in the body, five identifiers, batches, texts as errors."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .conftest import Door

NAME = "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"
BIO = "1f7a9d3c-6e2b-4b8f-8c4d-5e6f7a8b9c01"
NOT_LINKED = "API ID NOT LINKED TO AN ACCOUNT IN THIS COMMUNITY"


def post(door: Door, path: str, kind: str, content: Any, **more: Any) -> requests.Response:
    body = {"id": door.connection["login"], "key": door.connection["password"], "type": kind, "data": content}
    return door.ask("POST", f"/{path}", json={**body, **more})


def edit(door: Door, *objects: dict[str, Any], **more: Any) -> requests.Response:
    return post(door, "general/edit_acc_profile_fields", "EDIT_ACC_PROFLIE_FIELDS", list(objects), **more)


def change(value: Any, **identifier: Any) -> dict[str, Any]:
    return {**identifier, "profileFields": [{"id": NAME, "value": value}]}


@pytest.mark.parametrize("kind", ["accId", "apiId", "username", "discord", "uniqueId"])
def test_any_identifier_finds_the_account(sonoran: Door, kind: str) -> None:
    named = sonoran.sandbox.keys("sonoran")[sonoran.key]
    answer = edit(sonoran, change("Ada", **{kind: named[kind]}))
    assert answer.status_code == 200
    assert {"id": NAME, "value": "Ada"} in answer.json()
    assert sonoran.fields()[NAME] == "Ada"


def test_the_answer_holds_every_field_with_a_value(sonoran: Door) -> None:
    answer = edit(sonoran, change("Ada", accId=sonoran.key)).json()
    assert {each["id"]: each["value"] for each in answer} == sonoran.fields()


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"id": "CMS-1"}, "INVALID COMMUNITY ID"),
        ({"key": "x"}, "INVALID API KEY"),
        ({"type": "EDIT_ACC_PROFILE_FIELDS"}, "INVALID REQUEST TYPE"),
        ({"data": []}, "INVALID REQUEST DATA"),
    ],
)
def test_a_bad_request_is_400_with_bare_text(sonoran: Door, wrong: dict[str, Any], text: str) -> None:
    answer = edit(sonoran, change("Ada", accId=sonoran.key), **wrong)
    assert (answer.status_code, answer.text) == (400, text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert sonoran.fields()[NAME] != "Ada"


@pytest.mark.parametrize("status", [404, 400])
def test_an_unknown_account_has_one_text_under_either_status(sonoran: Door, status: int) -> None:
    sonoran.set(unknown_account=status)
    answer = edit(sonoran, change("Ada", apiId="nobody"))
    assert (answer.status_code, answer.text) == (status, NOT_LINKED)


def test_errors_can_be_json_with_a_message(sonoran: Door) -> None:
    sonoran.set(error_body="json")
    answer = edit(sonoran, change("Ada", apiId="nobody"))
    assert answer.json() == {"status": 404, "message": NOT_LINKED}


def test_an_unknown_path_says_200(sonoran: Door) -> None:
    for key in (sonoran.connection["password"], "wrong"):
        answer = post(sonoran, "general/edit_profile", "EDIT_ACC_PROFLIE_FIELDS", [], key=key)
        assert (answer.status_code, answer.text) == (200, "Backend Service Reached")


def test_a_batch_is_carried_out_whole(sonoran: Door) -> None:
    keys = list(sonoran.sandbox.keys("sonoran"))[:3]
    assert edit(sonoran, *(change(key, accId=key) for key in keys)).status_code == 200
    assert [sonoran.fields(key)[NAME] for key in keys] == keys


def test_a_batch_can_be_cut_to_its_first_object(sonoran: Door) -> None:
    sonoran.set(batch="first")
    first, second = list(sonoran.sandbox.keys("sonoran"))[:2]
    answer = edit(sonoran, change("1", accId=first), change("2", accId=second))
    assert {"id": NAME, "value": "2"} not in answer.json()
    assert (sonoran.fields(first)[NAME], sonoran.fields(second)[NAME] == "2") == ("1", False)


@pytest.mark.parametrize(("reading", "written"), [("nothing", False), ("up_to_it", True)])
def test_a_batch_with_an_unknown_account_is_refused(sonoran: Door, reading: str, written: bool) -> None:
    sonoran.set(batch_unknown=reading)
    answer = edit(sonoran, change("Ada", accId=sonoran.key), change("x", accId="nobody"))
    assert answer.status_code == 404
    assert (sonoran.fields()[NAME] == "Ada") == written


def test_an_unknown_field_is_refused_or_dropped(sonoran: Door) -> None:
    wanted = {"accId": sonoran.key, "profileFields": [{"id": "x", "value": "1"}, {"id": BIO, "value": "b"}]}
    refused = edit(sonoran, wanted)
    assert (refused.status_code, refused.text) == (400, "INVALID PROFILE FIELD")
    sonoran.set(unknown_field="drop")
    assert "x" not in {each["id"] for each in edit(sonoran, wanted).json()}
    assert sonoran.fields()[BIO] == "b"


@pytest.mark.parametrize(("reading", "left"), [("clear", False), ("ignore", True)])
@pytest.mark.parametrize("empty", [None, "", []])
def test_an_empty_value_clears_or_does_nothing(sonoran: Door, reading: str, left: bool, empty: Any) -> None:
    sonoran.set(empty_value=reading)
    assert edit(sonoran, change(empty, accId=sonoran.key)).status_code == 200
    assert (NAME in sonoran.fields()) == left


def test_the_reads_beside_it_answer(sonoran: Door) -> None:
    named = sonoran.sandbox.keys("sonoran")[sonoran.key]
    api_id = [{"apiId": named["apiId"]}]
    assert post(sonoran, "general/get_sub_version", "GET_SUB_VERSION", []).text == "3"
    fields = post(sonoran, "general/get_profile_fields", "GET_PROFILE_FIELDS", None).json()
    assert NAME in {each["id"] for each in fields}
    account = post(sonoran, "general/get_com_account", "GET_COM_ACCOUNT", api_id).json()
    assert account["accId"] == sonoran.key
    assert account["profileFields"]["data"]
    page = post(sonoran, "general/get_accounts", "GET_ACCOUNTS", [{"skip": 0, "take": 5}]).json()
    assert (page["total"], page["take"], len(page["accounts"])) == (30, 25, 25)
    assert post(sonoran, "general/check_com_apiid", "CHECK_COM_APIID", api_id).text == named["username"]
    assert post(sonoran, "general/get_account_ranks", "GET_ACCOUNT_RANKS", api_id).json() == []
    unknown = post(sonoran, "general/get_com_account", "GET_COM_ACCOUNT", [{"apiId": "nobody"}])
    assert (unknown.status_code, unknown.text[:16]) == (400, "NO ACCOUNT FOUND")


def test_v2_can_answer_a_bad_key_with_400(sonoran: Door) -> None:
    sonoran.set(v2_bad_key=400)
    answer = sonoran.ask("GET", "/v2/community", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.json()["detail"]) == (400, "INVALID API KEY")
    assert answer.headers["content-type"].startswith("application/problem+json")
