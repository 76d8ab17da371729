"""Sonoran's own Python package works against the sandbox: list, read, update, read back, and the refusals."""

from __future__ import annotations

from typing import Any

import pytest
from sonoran.instance import Instance
from sonoran.models import CADStandardResponse

from airflow_profile_provider.sandbox import Sandbox

NAME = "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"


@pytest.fixture
def cms(sandbox: Sandbox) -> Any:
    return package(sandbox, sandbox.connections()["sonoran_default"]["password"])


def package(sandbox: Sandbox, key: str) -> Any:
    """The package's CMS part; it has no option for the address, only the attribute."""
    instance = Instance(cmsCommunityId="CMS-1000", cmsApiKey=key)
    instance.cmsApiUrl = sandbox.url
    return instance.cms


def content(answer: CADStandardResponse) -> Any:
    """What is in the envelope, which the package leaves on."""
    assert answer.success, answer.reason
    assert answer.data["success"]
    return answer.data["data"]


def some_id(sandbox: Sandbox) -> str:
    return next(iter(sandbox.keys("sonoran")))


def test_the_key_shows_its_community(cms: Any) -> None:
    assert content(cms.getCommunityV2())["id"] == "CMS-1000"
    assert content(cms.getSubVersionV2())["tier"] == "PLUS"


def test_accounts_are_listed_without_their_fields(cms: Any) -> None:
    page = content(cms.getAccountsV2({"skip": 10, "take": 5}))
    assert (page["total"], len(page["items"])) == (30, 5)
    assert "profileFields" not in page["items"][0]


def test_an_account_is_found_by_username(cms: Any, sandbox: Sandbox) -> None:
    key, named = next(iter(sandbox.keys("sonoran").items()))
    found = content(cms.searchAccountsV2({"username": named["username"]}))
    assert [each["accId"] for each in found["items"]] == [key]


def test_an_update_is_answered_and_read_back(cms: Any, sandbox: Sandbox) -> None:
    key = some_id(sandbox)
    wanted = [{"id": NAME, "value": "Ada"}]
    assert content(cms.editProfileFieldsV2(key, {"profileFields": wanted})) == wanted
    account = content(cms.getAccountV2(key))
    assert wanted[0] in account["profileFields"]["data"]
    assert sandbox.profile("sonoran", key)[NAME] == "Ada"


def test_field_definitions_carry_id_type_and_label(cms: Any) -> None:
    fields = content(cms.getProfileFieldsV2())
    assert {"id": NAME, "type": "text", "label": "Display name", "options": None} in fields


def test_an_account_is_renamed_and_its_ranks_and_identifiers_read(cms: Any, sandbox: Sandbox) -> None:
    key = some_id(sandbox)
    content(cms.setAccountNameV2(key, {"newName": "Ada L."}))
    assert content(cms.getAccountV2(key))["comName"] == "Ada L."
    assert content(cms.getAccountRanksV2(key))["accId"] == key
    assert content(cms.getAccountIdentifiersV2(key))["accId"] == key


def test_an_unknown_account_is_refused_with_a_problem(cms: Any) -> None:
    answer = cms.editProfileFieldsV2("nobody", {"profileFields": [{"id": NAME, "value": "x"}]})
    assert not answer.success
    assert (answer.reason["status"], answer.reason["detail"]) == (404, "Account not found.")


def test_an_unknown_field_or_none_is_refused(cms: Any, sandbox: Sandbox) -> None:
    for fields in ([], [{"id": "no such field", "value": "x"}]):
        answer = cms.editProfileFieldsV2(some_id(sandbox), {"profileFields": fields})
        assert not answer.success
        assert answer.reason["status"] == 400


def test_a_wrong_key_is_refused_with_a_problem(sandbox: Sandbox) -> None:
    answer = package(sandbox, "wrong").getCommunityV2()
    assert not answer.success
    assert (answer.reason["status"], answer.reason["title"]) == (401, "Unauthorized")


def test_the_package_waits_out_a_429_by_its_retry_after(cms: Any, sandbox: Sandbox) -> None:
    sandbox.settings("sonoran", quota={"v2 edit": [[1, 1]]}, window="sliding")
    wanted = {"profileFields": [{"id": NAME, "value": "Ada"}]}
    content(cms.editProfileFieldsV2(some_id(sandbox), wanted))
    content(cms.editProfileFieldsV2(some_id(sandbox), wanted))
    assert sandbox.requests("sonoran")["by_status"] == {"200": 2, "429": 1}


def test_a_429_that_lasts_is_refused_with_the_gateways_message(cms: Any, sandbox: Sandbox) -> None:
    sandbox.faults("sonoran", "status", status=429, headers={"Retry-After": "0.01"}, body={"message": "slow"})
    answer = cms.getCommunityV2()
    assert not answer.success
    assert answer.reason == {"message": "slow"}
