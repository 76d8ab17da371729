"""Sonoran's reads: five identifiers in v1, one in v2, and lists that need not show profile fields."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, RecordRefused
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Catalogue, Field

from .conftest import OpenReader, hook_of

NAME = "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90"
STEAM = "d9d1288e-3892-40d6-acc5-be2c3d294bd4"
ZONE = "3b9c1f5e-804d-4da1-ae6f-70819cadbe23"
BIO = "1f7a9d3c-6e2b-4b8f-8c4d-5e6f7a8b9c01"


@pytest.mark.parametrize("key_type", ["accId", "apiId", "username", "discord", "uniqueId"])
def test_v1_reads_and_lists_an_account_by_each_identifier(
    key_type: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    read = reader("sonoran")
    acc_id, named = next(iter(sandbox.keys("sonoran").items()))
    key, held = str(named[key_type]), sandbox.profile("sonoran", acc_id)
    expected = {NAME: held[NAME], STEAM: held[STEAM], BIO: None}
    found = read.read([key], expected, key_type)[key]
    assert (found.key, found.fields) == (key, expected)
    everybody = read.everybody(expected, key_type)
    assert everybody[key].fields == expected
    assert len(everybody) == 30


def test_v2_reads_accounts_one_by_one(sandbox: Sandbox, reader: OpenReader) -> None:
    read = reader("sonoran", api="v2")
    assert (read.vendor.readable_key_types, read.vendor.page_size) == (("accId",), 0)
    key = next(iter(sandbox.keys("sonoran")))
    held = sandbox.profile("sonoran", key)
    assert read.read([key, "nobody"], [NAME, BIO]) == {
        key: read.read([key], [NAME, BIO])[key],
        "nobody": None,
    }
    assert read.read([key], [NAME, BIO])[key].fields == {NAME: held[NAME], BIO: None}
    with pytest.raises(ConfigurationError, match="read by their keys"):
        read.page(None, [NAME])


@pytest.mark.parametrize("error_body", ["text", "json"])
def test_v1_says_that_nobody_is_there_with_400(error_body: str, sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.settings("sonoran", error_body=error_body)
    assert reader("sonoran").read(["nobody"], [NAME]) == {"nobody": None}


def test_a_list_without_fields_says_which_option_to_set(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.settings("sonoran", list_fields="hide")
    with pytest.raises(RecordRefused, match="list_shows to none"):
        reader("sonoran").page(None, [NAME])
    read = reader("sonoran", list_shows="none")
    assert read.vendor.page_size == 0
    with pytest.raises(ConfigurationError, match="read by their keys"):
        read.page(None, [NAME])


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_an_archived_account_is_gone_for_lists_too(api: str, sandbox: Sandbox, reader: OpenReader) -> None:
    first, second = list(sandbox.keys("sonoran"))[:2]
    sandbox.merge("sonoran", first, second)
    read = reader("sonoran", api=api)
    assert read.read([first], [NAME]) == {first: None}
    if api == "v1":
        assert first not in read.everybody([NAME])


@pytest.mark.parametrize(
    ("key_type", "shown"),
    [("accId", {"accId": "another"}), ("discord", {"discordId": "7"}), ("uniqueId", {"uniqueId": 8})],
)
def test_another_account_is_refused(
    key_type: str, shown: dict[str, Any], sandbox: Sandbox, reader: OpenReader
) -> None:
    body = {"accId": "1", "profileFields": {"data": []}, **shown}
    sandbox.faults("sonoran", status=200, body=body)
    with pytest.raises(RecordRefused, match="another account"):
        reader("sonoran").read(["1"], [NAME], key_type)


# -- finding ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["apiId", "username", "discord", "uniqueId"])
def test_v1_finds_an_account_by_another_identifier(field: str, sandbox: Sandbox, reader: OpenReader) -> None:
    acc_id, named = next(iter(sandbox.keys("sonoran").items()))
    read = reader("sonoran")
    assert [held.key for held in read.find(field, named[field])] == [acc_id]
    assert read.find(field, "1") == () or field == "uniqueId"


@pytest.mark.parametrize("search", ["equal", "contains"])
def test_v2_finds_an_account_by_exactly_its_user_name(
    search: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load(
        "sonoran",
        {"a": {}, "b": {}, "c": {}},
        identifiers={"a": {"username": "ada"}, "b": {"username": "ada2"}, "c": {"username": "nevada"}},
    )
    sandbox.settings("sonoran", v2_search=search)
    read = reader("sonoran", api="v2")
    assert [held.key for held in read.find("username", "ada")] == ["a"]
    assert read.find("username", "ad") == ()


def test_v2_searches_for_other_identifiers_only_if_told_to(sandbox: Sandbox, reader: OpenReader) -> None:
    acc_id, named = next(iter(sandbox.keys("sonoran").items()))
    with pytest.raises(ConfigurationError, match="by username"):
        reader("sonoran", api="v2").find("discord", named["discord"])
    found = reader("sonoran", api="v2", search="any").find("discord", named["discord"])
    assert [held.key for held in found] == [acc_id]


def test_somebody_else_than_was_asked_for_is_not_found(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.faults(
        "sonoran", status=200, body={"accId": "1", "accName": "ida", "profileFields": {"data": []}}
    )
    assert reader("sonoran").find("username", "ada") == ()


# -- the catalogue ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_the_catalogue_tells_types_and_options(api: str, sandbox: Sandbox, reader: OpenReader) -> None:
    read = reader("sonoran", api=api)
    request = read.vendor.catalogue_request()
    assert request
    infos = {info.id: info for info in read.vendor.field_infos(read.transport.send(request))}
    assert (infos[STEAM].label, infos[STEAM].type) == ("Steam IDs", "text array")
    assert infos[ZONE].type == "select"
    assert list(infos[ZONE].options) == ["UTC", "CET", "EST", "PST"]


def test_a_select_takes_what_it_offers(sandbox: Sandbox, reader: OpenReader) -> None:
    vendor = reader("sonoran").vendor
    told = Catalogue({ZONE: Field("string", choices=frozenset({"UTC", "CET"}))})
    assert vendor.check_field(ZONE, "UTC", loose=True, catalogue=told) == "UTC"
    with pytest.raises(InvalidRecord, match="one of the 2 values"):
        vendor.check_field(ZONE, "Mars", loose=True, catalogue=told)
    key = next(iter(sandbox.keys("sonoran")))
    report = hook_of("sonoran").push([{"key": key, "fields": {ZONE: "Mars"}}], quota="none")
    assert (report.invalid, report.pushed) == (1, 0)


@pytest.mark.parametrize("extra", [{"api": "v2"}, {"list_shows": "none"}], ids=repr)
def test_a_list_without_fields_still_tells_who_there_is(
    extra: dict[str, str], sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load("sonoran", {f"acc-{n}": {} for n in range(230)})
    sandbox.settings("sonoran", list_fields="hide")
    read = reader("sonoran", **extra)
    assert read.everybody([]).keys() == {f"acc-{n}" for n in range(230)}
    assert read.page(None, []).total == 230
