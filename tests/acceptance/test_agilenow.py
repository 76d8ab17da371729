"""Agile.Now: a token that is shared and renewed, a merge that resets nothing, identifiers in the path."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from resuming import FileCheckpoints
from standins import Fault
from standins.agilenow import WRITABLE

from .conftest import OpenRig
from .rig import Rig, counts


@pytest.fixture
def rig(open_rig: OpenRig) -> Rig:
    return open_rig("agilenow")


# -- the token ----------------------------------------------------------------------------------------------


def test_one_token_serves_a_push(rig: Rig) -> None:
    rig.hold(*range(30))
    rig.push(rig.changes(*range(30)), concurrency=8)
    assert len(rig.stand_in.token_requests) == 1


def test_a_token_is_asked_for_as_documented(rig: Rig) -> None:
    rig.hold(1)
    rig.push(rig.changes(1))
    (request,) = rig.stand_in.token_requests
    form = parse_qs(request.body.decode())
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert form["grant_type"] == ["client_credentials"]
    assert form["scope"] == ["*"]
    assert "bearer" not in request.headers.get("authorization", "").lower()


def test_the_scope_and_the_address_of_the_token_come_from_the_connection(rig: Rig) -> None:
    rig.hold(1)
    token_url = f"{rig.stand_in.url}/oAuth/rest/v2/Token"
    rig.connect(extra={"scope": "AccessUser:Update AccessUser:Read", "token_url": token_url})
    rig.push(rig.changes(1))
    assert rig.stand_in.scopes == ["AccessUser:Update AccessUser:Read"]


def test_a_token_that_expires_in_mid_run_is_renewed_once(rig: Rig) -> None:
    rig.stand_in.token_uses = 20
    rig.hold(*range(15))
    report = rig.push(rig.changes(*range(15)), concurrency=4)
    assert counts(report) == {"pushed": 15}
    assert len(rig.stand_in.token_requests) == 2
    assert [rig.holds(n) for n in range(15)] == [rig.expected(n) for n in range(15)]


def test_a_token_may_expire_again_and_again(rig: Rig) -> None:
    rig.stand_in.token_uses = 6
    rig.hold(*range(20))
    report = rig.push(rig.changes(*range(20)), concurrency=1)
    assert counts(report) == {"pushed": 20}
    assert len(rig.stand_in.token_requests) <= 8


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_401_after_a_fresh_token_stops_the_push(rig: Rig, concurrency: int) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig.hold(*range(20))
    rig.stand_in.token_uses = 0
    with pytest.raises(CredentialRefused):
        rig.push(rig.changes(*range(20)), concurrency=concurrency)
    # Each request in flight may find out by itself, with the token that another one fetched.
    assert len(rig.stand_in.token_requests) <= 1 + concurrency
    assert len(rig.stand_in.requests) <= 4 * concurrency


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_refused_client_stops_before_any_account_is_touched(rig: Rig, status: int) -> None:
    from airflow_profile_provider.errors import CredentialRefused

    rig.hold(1)
    body = {"error": "Permission", "StatusCode": status, "Errors": ["The client is not permitted."]}
    rig.stand_in.faults = [Fault(status, body, on="any", times=None)]
    with pytest.raises(CredentialRefused):
        rig.push(rig.changes(1))
    assert rig.stand_in.requests == rig.stand_in.token_requests


def test_a_busy_token_endpoint_is_tried_again(rig: Rig) -> None:
    rig.hold(1)
    rig.stand_in.faults = [Fault(503, "busy", {"Retry-After": "0"}, on="any")]
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}
    assert len(rig.stand_in.token_requests) == 2


def test_a_token_is_renewed_before_it_expires(rig: Rig) -> None:
    rig.stand_in.token_life = 1
    rig.hold(1, 2)
    report = rig.push(rig.changes(1, 2), quota="2/1s", concurrency=1)
    assert counts(report) == {"pushed": 2}
    assert len(rig.stand_in.token_requests) >= 2
    assert rig.stand_in.stale_tokens == 0


# -- merge and put ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resets", [False, True], ids=["partial", "resetting"])
def test_a_merge_resets_nothing_that_it_does_not_name(rig: Rig, resets: bool) -> None:
    rig.stand_in.resets = resets
    rig.hold(1)
    assert counts(rig.push([rig.change(1, FirstName="Ada")])) == {"pushed": 1}
    assert rig.holds(1) == {**rig.sample.before(1), "FirstName": "Ada"}


def test_a_merge_sends_every_writable_field(rig: Rig) -> None:
    rig.hold(1)
    rig.push([rig.change(1, FirstName="Ada")])
    (write,) = rig.stand_in.writes
    assert sorted(write.json) == sorted(WRITABLE)
    assert write.json == {**rig.sample.before(1), "FirstName": "Ada"}


def test_a_merge_leaves_out_an_enum_that_is_not_set(rig: Rig) -> None:
    rig.stand_in.resets = True
    rig.hold(1)
    del rig.holds(1)["LanguageId"]
    assert counts(rig.push([rig.change(1, FirstName="Ada")])) == {"pushed": 1}
    assert rig.holds(1)["LanguageId"] == ""
    assert rig.holds(1)["Is_Active"] is True


def test_a_merge_reads_nothing_for_a_change_that_names_every_field(rig: Rig) -> None:
    rig.hold(1)
    everything = {**rig.sample.before(1), "FirstName": "Ada"}
    assert counts(rig.push([rig.change(1, **everything)])) == {"pushed": 1}
    assert rig.stand_in.reads == []
    assert rig.holds(1) == everything


def test_a_put_sends_the_change_alone(rig: Rig) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, FirstName="Ada")], write="put")) == {"pushed": 1}
    (write,) = rig.stand_in.writes
    assert write.json == {"FirstName": "Ada"}
    assert rig.stand_in.reads == []


def test_an_unknown_write_is_an_error(rig: Rig) -> None:
    outcome = rig.run(rig.changes(1), write="patch")
    assert outcome.for_good
    assert "write" in str(outcome.error)


@pytest.mark.parametrize("resets", [False, True], ids=["partial", "resetting"])
def test_changes_of_one_account_lose_none_of_their_fields(rig: Rig, resets: bool) -> None:
    rig.stand_in.resets = resets
    rig.hold(1)
    names = ["FirstName", "LastName", "Phone", "Identifier"]
    rig.push([rig.change(1, **{name: f"New{name}"}) for name in names], concurrency=4)
    changed = {name: f"New{name}" for name in names} | {"IdentifierVerified": False}
    assert rig.holds(1) == {**rig.sample.before(1), **changed}


# -- identifiers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key_type", ["Username", "ExternalId"])
@pytest.mark.parametrize(
    "value", ["ada@example.com", "Zoë Ångström", "a/b?c#d%2F", "???>>>", "CORP\\ada", "base64|YWRh"]
)
def test_any_identifier_finds_its_account(rig: Rig, key_type: str, value: str) -> None:
    rig.hold(1)
    rig.holds(1)[key_type] = value
    report = rig.push([{"key": value, "fields": {"FirstName": "Ada"}}], key_type=key_type)
    assert counts(report) == {"pushed": 1}
    assert rig.holds(1)["FirstName"] == "Ada"
    (write,) = rig.stand_in.writes
    assert write.query == {"Name": key_type}


def test_several_matches_are_a_refusal(rig: Rig) -> None:
    rig.hold(1, 2, 3)
    rig.holds(1)["ExternalId"] = rig.holds(2)["ExternalId"] = "twin"
    changes = [{"key": key, "fields": {"FirstName": "Ada"}} for key in ("ext/3", "twin")]
    assert counts(rig.push(changes, key_type="ExternalId")) == {"pushed": 1, "rejected": 1}


def test_csv_text_is_parsed_to_the_fields_types(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    cells = zip((1, 2, 3), ("TRUE", "false", "maybe"), strict=True)
    path = tmp_path / "rows.csv"
    path.write_text("id,notify\n" + "".join(f"{rig.sample.key(n)},{cell}\n" for n, cell in cells))
    outcome = rig.run(str(path), key="id", fields={"NotifyBySMS": "notify"})
    assert counts(outcome.report) == {"pushed": 1, "unchanged": 1, "invalid": 1}
    assert [rig.holds(n)["NotifyBySMS"] for n in (1, 2, 3)] == [True, False, True]


# -- fields -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"LanguageId": "Klingon"},
        {"LanguageId": {"Id": "fi-FI"}},
        {"TimezoneId": "Mars Standard Time"},
        {"DateFormatId": "D.M.Y"},
        {"Is_Active": "true"},
        {"Is_Active": 1},
        {"FirstName": 17},
        {"FirstName": ["Ada"]},
        {"Id": "another"},
        {"EmailVerified": True},
        {"IsActive": True},
        {"firstname": "Ada"},
    ],
    ids=str,
)
def test_what_the_structure_does_not_allow_is_invalid(rig: Rig, fields: dict[str, Any]) -> None:
    rig.hold(1)
    assert counts(rig.push([rig.change(1, **fields)])) == {"invalid": 1}
    assert rig.stand_in.writes == []


# -- creating -----------------------------------------------------------------------------------------------


PERSON = {"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com"}
ADA = {"key": "ada", "fields": PERSON}


def create(rig: Rig, *changes: dict[str, Any], mode: str = "create", **options: Any) -> dict[str, int]:
    """Push with a mode; return the verdicts."""
    return counts(rig.push(list(changes), key_type="Username", mode=mode, **options))


def asked(rig: Rig) -> list[str]:
    """The methods of all requests but the token's."""
    return [request.method for request in rig.stand_in.requests if "Token" not in request.path]


def test_an_account_is_created_with_its_key_and_without_what_is_empty(rig: Rig) -> None:
    change = {"key": "ada", "fields": {**PERSON, "Phone": None, "Name": ""}}
    assert create(rig, change, nulls="clear") == {"created": 1}
    (write,) = rig.stand_in.writes
    assert (write.method, write.json) == ("POST", {"Username": "ada", **PERSON})


@pytest.mark.parametrize(("write", "methods"), [("merge", ["GET", "POST"]), ("put", ["PUT", "POST"])])
def test_an_upsert_asks_in_the_way_of_an_update(rig: Rig, write: str, methods: list[str]) -> None:
    assert create(rig, ADA, mode="upsert", write=write) == {"created": 1}
    assert asked(rig) == methods


def test_an_upsert_whose_create_was_lost_finds_what_it_made(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(drop=True, on="create")]
    assert create(rig, ADA, mode="upsert") == {"created": 1}
    assert asked(rig) == ["GET", "POST", "GET"]


def test_a_refused_create_names_what_accounts_always_have(rig: Rig) -> None:
    report = rig.push([{"key": "ada", "fields": {"FirstName": "Ada"}}], key_type="Username", mode="upsert")
    assert counts(report) == {"rejected": 1}
    assert "not created; the change has no LastName, Email" in report.reasons[0].reason


def test_a_404_that_is_not_the_apis_creates_nobody(rig: Rig) -> None:
    rig.stand_in.faults = [Fault(404, "nothing here", on="any", times=None)]
    rig.stand_in.faults.insert(0, Fault(200, {"access_token": "t", "expires_in": 3599}, on="any"))
    assert create(rig, ADA, mode="upsert") == {"rejected": 1}
    assert asked(rig) == ["GET"]


def test_a_key_that_a_creation_would_change_is_invalid(rig: Rig) -> None:
    change = {"key": "ada", "fields": {**PERSON, "Username": "lovelace"}}
    assert create(rig, change, mode="upsert") == {"invalid": 1}
    assert create(rig, {**change, "fields": {**PERSON, "Username": "ada"}}, mode="upsert") == {"created": 1}


def test_a_retry_of_a_create_takes_an_account_that_holds_what_was_sent_for_its_own(
    rig: Rig, tmp_path: Path
) -> None:
    """The earlier try may have made it; an account with other values is somebody's, and is left alone."""
    rig.hold(1)
    other = {"key": rig.sample.before(1)["Username"], "fields": PERSON}
    assert create(rig, ADA) == {"created": 1}
    again = FileCheckpoints(tmp_path / "none.json", retried=True)
    before = dict(rig.holds(1))
    assert create(rig, ADA, other, checkpoints=again) == {"created": 1, "rejected": 1}
    assert asked(rig) == ["POST", "GET", "GET"]
    assert rig.holds(1) == before
