"""The stand-ins keep to their pages: spoken to with plain requests, without the package."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import requests

from . import AgileNow, Communifire, Fault, Lightfield, Ocamba, Sonoran, StandIn

BEARER = {"Authorization": f"Bearer {StandIn.secret}"}
VERSIONED = {**BEARER, "Lightfield-Version": "2026-03-01"}


def sonoran_body(*objects: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "id": Sonoran.login,
        "key": Sonoran.secret,
        "type": "EDIT_ACC_PROFLIE_FIELDS",
        "data": list(objects),
        **changed,
    }


def edit(account: str, **fields: Any) -> dict[str, Any]:
    return {"accId": account, "profileFields": [{"id": name, "value": fields[name]} for name in fields]}


def edit_sonoran(stand_in: Sonoran, *objects: dict[str, Any], **changed: Any) -> requests.Response:
    body = sonoran_body(*objects, **changed)
    return requests.post(f"{stand_in.url}/general/edit_acc_profile_fields", json=body, timeout=5)


def test_sonoran_answers_every_field_of_the_account() -> None:
    with Sonoran({"a": {"rank": "old", "unit": "K9"}}) as stand_in:
        answer = edit_sonoran(stand_in, edit("a", rank="new"))
        assert answer.json() == [{"id": "rank", "value": "new"}, {"id": "unit", "value": "K9"}]
        assert stand_in.profiles == {"a": {"rank": "new", "unit": "K9"}}


def test_sonoran_refuses_a_batch_with_an_unknown_account_as_a_whole() -> None:
    with Sonoran({"a": {}}) as stand_in:
        answer = edit_sonoran(stand_in, edit("a", rank="new"), edit("nobody", rank="new"))
        assert (answer.status_code, answer.text) == (404, "API ID NOT LINKED TO AN ACCOUNT IN THIS COMMUNITY")
        assert stand_in.profiles == {"a": {}}


def test_sonoran_can_carry_out_the_first_object_alone() -> None:
    with Sonoran({"a": {}, "b": {}}) as stand_in:
        stand_in.carries_out_objects = 1
        answer = edit_sonoran(stand_in, edit("a", rank="new"), edit("b", rank="new"))
        assert answer.json() == [{"id": "rank", "value": "new"}]
        assert stand_in.profiles["b"] == {}


@pytest.mark.parametrize(
    ("changed", "text"), [({"key": "x"}, "INVALID API KEY"), ({"id": "x"}, "INVALID COMMUNITY ID")]
)
def test_sonoran_refuses_a_credential_with_400(changed: dict[str, str], text: str) -> None:
    with Sonoran({"a": {}}) as stand_in:
        answer = edit_sonoran(stand_in, edit("a", rank="new"), **changed)
        assert (answer.status_code, answer.text) == (400, text)


def test_sonoran_has_a_text_for_paths_that_do_not_exist() -> None:
    with Sonoran() as stand_in:
        answer = requests.post(f"{stand_in.url}/general/get_profile_fields", json={}, timeout=5)
        assert (answer.status_code, answer.text) == (200, "Backend Service Reached")


def edit_communifire(stand_in: Communifire, add: str | None, **fields: Any) -> dict[str, Any]:
    query = {} if add is None else {"AddUser": add}
    headers = {"Rest-API-Key": stand_in.secret}
    answer = requests.post(
        f"{stand_in.url}/api/users/fields", params=query, headers=headers, json=fields, timeout=5
    )
    assert answer.status_code == 200
    return dict(answer.json())


def test_communifire_updates_by_any_identifier() -> None:
    with Communifire({"12": {"Email": "ada@example.com", "Username": "ada"}}) as stand_in:
        for name, value in (("UserID", "12"), ("Email", "ada@example.com"), ("Username", "ada")):
            answer = edit_communifire(stand_in, "false", **{name: value, "Phone": name})
            assert answer == {"IsError": False, "ResponseMessage": "", "ResponseData": 12}
            assert stand_in.profiles["12"]["Phone"] == name


@pytest.mark.parametrize(("add", "made"), [("false", 0), ("true", 1), ("", 1), (None, 1)])
def test_communifire_adds_a_user_unless_told_not_to(add: str | None, made: int) -> None:
    with Communifire() as stand_in:
        answer = edit_communifire(stand_in, add, Email="ada@example.com", Phone="1")
        assert answer["IsError"] is (made == 0)
        assert len(stand_in.made) == made


def test_communifire_adds_nobody_twice() -> None:
    with Communifire() as stand_in:
        assert not edit_communifire(stand_in, "true", Email="ada@example.com")["IsError"]
        assert edit_communifire(stand_in, "true", Email="ada@example.com")["IsError"]
        assert len(stand_in.made) == 1


def test_communifire_takes_text_values_as_the_page_shows_them() -> None:
    with Communifire({"12": {}}) as stand_in:
        assert edit_communifire(stand_in, "false", UserID="12", Newsletter=False)["IsError"]
        assert not edit_communifire(stand_in, "false", UserID="12", Newsletter="false")["IsError"]


def agilenow_session(stand_in: AgileNow) -> requests.Session:
    form = {"grant_type": "client_credentials", "client_id": stand_in.login, "client_secret": stand_in.secret}
    answer = requests.post(f"{stand_in.url}/oAuth/rest/v2/Token", data=form, timeout=5).json()
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {answer['access_token']}"
    return session


def account(stand_in: AgileNow, identifier: str) -> str:
    return f"{stand_in.url}/Endpoint/rest/api/v1/Account/{identifier}"


@pytest.mark.parametrize("resets", [False, True])
def test_agilenow_keeps_or_resets_what_a_put_leaves_out(resets: bool) -> None:
    with AgileNow({"7": {"FirstName": "Ada", "Phone": "1", "Is_Active": True}}) as stand_in:
        stand_in.resets = resets
        answer = agilenow_session(stand_in).put(account(stand_in, "7"), json={"FirstName": "Bea"}).json()
        assert answer["FirstName"] == "Bea"
        assert answer["Is_Active"] is not resets
        assert answer["Phone"] == ("" if resets else "1")


def test_agilenow_answers_foreign_keys_as_structures() -> None:
    with AgileNow({"7": {}}) as stand_in:
        answer = agilenow_session(stand_in).put(account(stand_in, "7"), json={"LanguageId": "fi-FI"}).json()
        assert answer["LanguageId"]["Id"] == "fi-FI"


def test_agilenow_reads_base64_identifiers() -> None:
    with AgileNow({"7": {"Username": "name@domain.com"}}) as stand_in:
        identifier = "base64%7C" + base64.b64encode(b"name@domain.com").decode()
        answer = agilenow_session(stand_in).get(account(stand_in, identifier), params={"Name": "Username"})
        assert answer.json()["Id"] == "7"


def test_agilenow_refuses_values_outside_an_enum() -> None:
    with AgileNow({"7": {}}) as stand_in:
        answer = agilenow_session(stand_in).put(account(stand_in, "7"), json={"LanguageId": "Klingon"})
        assert (answer.status_code, answer.json()["StatusCode"]) == (400, 400)


def test_agilenow_tokens_wear_out() -> None:
    with AgileNow({"7": {}}) as stand_in:
        stand_in.token_uses = 1
        session = agilenow_session(stand_in)
        answers = [session.get(account(stand_in, "7")).status_code for _ in range(2)]
        assert answers == [200, 401]


def update_lightfield(stand_in: Lightfield, key: str = "", **body: Any) -> requests.Response:
    headers = {**VERSIONED, **({"Idempotency-Key": key} if key else {})}
    return requests.post(f"{stand_in.url}/v1/accounts/acc_1", headers=headers, json=body, timeout=5)


def test_lightfield_leaves_out_alone_and_clears_null() -> None:
    with Lightfield({"acc_1": {"$name": "Acme", "$twitter": "acme", "tier": "gold"}}) as stand_in:
        update_lightfield(stand_in, fields={"$name": "Apex", "$twitter": None})
        assert stand_in.profiles["acc_1"] == {"$name": "Apex", "tier": "gold"}


def test_lightfield_does_nothing_for_a_key_that_it_has_answered() -> None:
    with Lightfield({"acc_1": {}}) as stand_in:
        first = update_lightfield(stand_in, "k", fields={"$name": "A"})
        again = update_lightfield(stand_in, "k", fields={"$name": "B"})
        assert first.json() == again.json()
        assert stand_in.profiles["acc_1"] == {"$name": "A"}
        assert stand_in.replays == 1


@pytest.mark.parametrize("wrapped", [True, False])
def test_lightfield_has_two_error_envelopes(wrapped: bool) -> None:
    with Lightfield({"acc_1": {}}) as stand_in:
        stand_in.wrapped = wrapped
        answer = update_lightfield(stand_in, fields={"$accountStatus": "x"})
        assert answer.status_code == 400
        assert ("error" in answer.json()) is wrapped


def test_lightfield_changes_25_links_a_request() -> None:
    with Lightfield({"acc_1": {}}) as stand_in:
        ids = [f"con_{number}" for number in range(26)]
        assert update_lightfield(stand_in, relationships={"$contact": {"add": ids}}).status_code == 422
        assert update_lightfield(stand_in, relationships={"$contact": {"add": ids[1:]}}).status_code == 200
        assert stand_in.links["acc_1"]["$contact"] == ids[1:]


@pytest.mark.parametrize("status", [400, 404])
def test_ocamba_refuses_unknown_ids_with_either_status(status: int) -> None:
    with Ocamba() as stand_in:
        stand_in.unknown_status = status
        answer = requests.patch(
            f"{stand_in.url}/v1/hood/profiles/17", headers=BEARER, json={"comment": "x"}, timeout=5
        )
        assert (answer.status_code, answer.json()["message"]) == (status, "Unknown profile id.")


@pytest.mark.parametrize(
    ("body", "status"), [({"comment": "x"}, 204), ({}, 400), ({"age": 3}, 400), ({"lists": "x"}, 400)]
)
def test_ocamba_takes_its_seven_fields(body: dict[str, Any], status: int) -> None:
    with Ocamba({"17": {}}) as stand_in:
        answer = requests.patch(f"{stand_in.url}/v1/hood/profiles/17", headers=BEARER, json=body, timeout=5)
        assert answer.status_code == status
        assert stand_in.profiles["17"] == (body if status == 204 else {})


def patch_ocamba(stand_in: Ocamba, timeout: float = 5) -> int:
    url = f"{stand_in.url}/v1/hood/profiles/17"
    return requests.patch(url, headers=BEARER, json={"comment": "x"}, timeout=timeout).status_code


def test_faults_are_answered_first() -> None:
    with Ocamba({"17": {}}) as stand_in:
        stand_in.faults = [Fault(429, headers={"Retry-After": "-1"}), Fault(503)]
        assert [patch_ocamba(stand_in) for _ in range(3)] == [429, 503, 204]


@pytest.mark.parametrize(
    ("fault", "carried_out"),
    [(Fault(drop=True), True), (Fault(cut=True), True), (Fault(reset=True), False), (Fault(late=0.6), True)],
    ids=["drop", "cut", "reset", "late"],
)
def test_faults_can_withhold_an_answer(fault: Fault, carried_out: bool) -> None:
    with Ocamba({"17": {}}) as stand_in:
        stand_in.faults = [fault]
        with pytest.raises((requests.ConnectionError, requests.Timeout)):
            patch_ocamba(stand_in, timeout=0.2)
        assert stand_in.profiles["17"] == ({"comment": "x"} if carried_out else {})


def test_a_cut_answer_ends_before_its_length() -> None:
    with Sonoran({"a": {"rank": "old"}}) as stand_in:
        stand_in.faults = [Fault(cut=True)]
        with pytest.raises(requests.RequestException):
            edit_sonoran(stand_in, edit("a", rank="new"))
        assert stand_in.profiles == {"a": {"rank": "new"}}


def test_faults_can_follow_one_key_for_ever() -> None:
    with Ocamba({"17": {}, "18": {}}) as stand_in:
        stand_in.faults = [Fault(500, key="17", times=None)]
        assert [patch_ocamba(stand_in) for _ in range(2)] == [500, 500]
        assert stand_in.profiles["17"] == {}


def test_connections_are_kept_alive() -> None:
    with Ocamba({"17": {}}) as stand_in, requests.Session() as session:
        for _ in range(3):
            session.patch(f"{stand_in.url}/v1/hood/profiles/17", headers=BEARER, json={"comment": "x"})
        assert len({request.connection for request in stand_in.requests}) == 1
