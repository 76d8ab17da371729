"""What hands do at the vendor, and vendors that tidy values, move their lists, or write totals as text."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.sandbox import Refused, Sandbox

from .conftest import Door

VENDORS = ["sonoran", "communifire", "agilenow", "lightfield", "ocamba"]
FIELD = {"agilenow": "FirstName", "ocamba": "full_name", "lightfield": "$name"}


@pytest.mark.parametrize("vendor", VENDORS)
def test_an_edit_by_hand_leaves_the_other_fields_and_identifiers(vendor: str, sandbox: Sandbox) -> None:
    key = next(iter(sandbox.keys(vendor)))
    before, named = sandbox.profile(vendor, key), sandbox.keys(vendor)[key]
    name = FIELD.get(vendor, "Company")
    sandbox.edit(vendor, {key: {name: "By hand"}})
    assert sandbox.profile(vendor, key) == {**before, name: "By hand"}
    assert sandbox.keys(vendor)[key] == named
    assert sandbox.requests(vendor)["writes"] == 0


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_profile_that_is_not_there_can_be_neither_edited_nor_deleted_nor_merged(
    vendor: str, sandbox: Sandbox
) -> None:
    key = next(iter(sandbox.keys(vendor)))
    for act in (
        lambda: sandbox.edit(vendor, {"nobody": {}}),
        lambda: sandbox.trash(vendor, "nobody"),
        lambda: sandbox.merge(vendor, "nobody", key),
        lambda: sandbox.merge(vendor, key, "nobody"),
    ):
        with pytest.raises(Refused, match="nobody"):
            act()
    assert len(sandbox.profiles(vendor)) == 30


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_merge_fills_what_is_empty_and_takes_the_other_away(vendor: str, sandbox: Sandbox) -> None:
    name, other = (
        FIELD.get(vendor, "Company"),
        {"agilenow": "LastName", "ocamba": "comment"}.get(vendor, "City"),
    )
    sandbox.load(vendor, {"1": {name: "kept", other: "given"}, "2": {name: "target"}})
    sandbox.merge(vendor, "1", "2")
    held = sandbox.profiles(vendor)
    assert list(held) == ["2"]
    assert (held["2"][name], held["2"][other]) == ("target", "given")


def test_a_vendor_can_tidy_what_is_written(ocamba: Door) -> None:
    body = {"email": " Ada@Example.COM", "mobile_phone_number": "+49 (658) 24-5", "full_name": " Ada  L "}
    ocamba.ask("PATCH", f"/v1/hood/profiles/{ocamba.key}", json=body)
    assert {name: ocamba.fields()[name] for name in body} == body
    ocamba.set(rewrites="tidy")
    ocamba.ask("PATCH", f"/v1/hood/profiles/{ocamba.key}", json=body)
    tidied = {"email": "ada@example.com", "mobile_phone_number": "+49658245", "full_name": "Ada  L"}
    assert {name: ocamba.fields()[name] for name in body} == tidied


@pytest.mark.parametrize(("drift", "first"), [("still", 25), ("twice", 24), ("skip", 26)])
def test_a_list_can_move_between_two_pages(drift: str, first: int, lightfield: Door) -> None:
    keys = list(reversed(lightfield.sandbox.keys("lightfield")))
    lightfield.set(drift=drift)
    rows = lightfield.ask("GET", "/v1/accounts?limit=25&offset=25").json()["data"]
    assert rows[0]["id"] == keys[first]


@pytest.mark.parametrize(("totals", "total"), [("number", 30), ("text", "30")])
def test_totals_can_be_texts(totals: str, total: Any, ocamba: Door, agilenow: Door, lightfield: Door) -> None:
    ocamba.sandbox.settings(totals=totals)
    assert ocamba.ask("GET", "/v1/hood/profiles").json()["total"] == total
    assert agilenow.ask("GET", "/Endpoint/rest/api/v1/Accounts").json()["Meta"]["TotalItems"] == total
    assert lightfield.ask("GET", "/v1/accounts").json()["totalCount"] == total


def test_the_index_still_shows_what_was_deleted_and_not_yet_what_is_new(lightfield: Door) -> None:
    lightfield.sandbox.freeze()
    lightfield.set(index_lag=2.0)
    gone = lightfield.key
    lightfield.sandbox.trash("lightfield", gone)
    made = lightfield.ask("POST", "/v1/accounts", json={"fields": {"$name": "New"}}).json()["id"]

    def listed() -> set[str]:
        rows = [lightfield.ask("GET", f"/v1/accounts?offset={offset}").json()["data"] for offset in (0, 25)]
        return {row["id"] for page in rows for row in page}

    assert (gone in listed(), made in listed()) == (True, False)
    assert lightfield.ask("GET", f"/v1/accounts/{gone}").status_code == 404
    assert lightfield.ask("GET", f"/v1/accounts/{made}").status_code == 200
    lightfield.sandbox.advance(2)
    assert (gone in listed(), made in listed()) == (False, True)


def test_a_merged_account_is_archived_and_takes_no_edits(sonoran: Door) -> None:
    first, second = list(sonoran.sandbox.keys("sonoran"))[:2]
    sonoran.sandbox.merge("sonoran", first, second)
    path = f"/v2/community/accounts/{first}"
    assert sonoran.ask("GET", path).json()["data"]["archived"] is True
    assert sonoran.ask("GET", f"/v2/community/accounts/{second}").json()["data"]["archived"] is False
    body = {"profileFields": [{"id": "discord", "value": "1"}]}
    assert sonoran.ask("PATCH", f"{path}/profile-fields", json=body).status_code == 404
