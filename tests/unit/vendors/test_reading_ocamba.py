"""Ocamba's reads: what is inferred of them is a choice, and each choice reads the same profiles."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.errors import InvalidRecord, RecordRefused
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Access
from airflow_profile_provider.vendors.ocamba import Ocamba

from .conftest import OpenReader

FIELDS = ["email", "lists", "custom_properties", "comment"]
PROFILES: dict[str, dict[str, Any]] = {
    f"{17430755068736100000 + n}": {
        "email": f"p{n}@example.com",
        "lists": ["1000101"],
        "custom_properties": {"n": str(n)},
        "comment": None,
    }
    for n in range(230)
}
WHOLE = {key: {**fields, "comment": None} for key, fields in PROFILES.items()}


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"read_by": "filter"},
        {"page_length": "50"},
        {"page_length": "25"},
        {"page_length": "none"},
        {"shows": "full"},
        {"shows": "default"},
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "vendors",
    [
        {},
        {"one_profile": "bare"},
        {"longest_page": 40},
        {"ids": "number"},
        {"totals": "text"},
        {"drift": "twice"},
        {"deleted": "shown"},
    ],
    ids=repr,
)
def test_profiles_are_read_and_listed_by_every_reading(
    extra: dict[str, str], vendors: dict[str, Any], sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load("ocamba", {**PROFILES, "1": {"email": "gone@example.com"}})
    sandbox.settings("ocamba", **vendors)
    sandbox.trash("ocamba", "1")
    read = reader("ocamba", **extra)
    key = next(iter(PROFILES))
    found = read.read([key, "1"], FIELDS)
    assert (found[key].key, found[key].fields, found["1"]) == (key, WHOLE[key], None)
    assert {k: held.fields for k, held in read.everybody(FIELDS).items()} == WHOLE


def test_what_a_list_does_not_show_is_left_out(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.load("ocamba", PROFILES)
    sandbox.settings("ocamba", default_view="brief")
    key = next(iter(PROFILES))
    assert reader("ocamba", shows="default").read([key], FIELDS)[key].fields == {"email": "p0@example.com"}
    assert reader("ocamba").read([key], FIELDS)[key].fields == WHOLE[key]


@pytest.mark.parametrize("search", ["filter", "q"])
@pytest.mark.parametrize(
    ("field", "value", "keys"),
    [
        ("email", "p7@example.com", [7]),
        ("email", "7@example.com", []),
        ("email", "nobody@example.com", []),
        ("full_name", "Ada", [300, 301]),
    ],
)
def test_profiles_are_found_by_exactly_one_value(
    search: str, field: str, value: str, keys: list[int], sandbox: Sandbox, reader: OpenReader
) -> None:
    more = {f"{17430755068736100000 + n}": {"full_name": "Ada" + "x" * (n > 301)} for n in range(300, 310)}
    sandbox.load("ocamba", {**PROFILES, **more})
    found = reader("ocamba", search=search).find(field, value)
    assert sorted(int(held.key) - 17430755068736100000 for held in found) == keys


def test_a_value_with_an_operator_in_it_is_not_searched_for(sandbox: Sandbox, reader: OpenReader) -> None:
    with pytest.raises(InvalidRecord, match="colon"):
        reader("ocamba").find("full_name", "in:1,2")
    assert sandbox.requests("ocamba")["total"] == 0


def test_a_list_that_does_not_heed_the_filter_finds_nobody(sandbox: Sandbox, reader: OpenReader) -> None:
    items = [{"id": str(n), "email": f"p{n}@example.com"} for n in range(100)]
    sandbox.faults("ocamba", body={"total": 5000, "items": items}, status=200)
    with pytest.raises(RecordRefused, match="does it heed the filter"):
        reader("ocamba").find("email", "p700@example.com")


@pytest.mark.parametrize("status", [400, 404])
def test_an_unknown_id_has_two_statuses(status: int, sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.settings("ocamba", unknown_id=status)
    assert reader("ocamba").read(["17430755068736999999"], ["email"]) == {"17430755068736999999": None}


def test_another_400_is_a_refusal(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.faults("ocamba", status=400, body={"code": 400, "message": "The request is not valid."})
    with pytest.raises(RecordRefused, match="The request is not valid"):
        reader("ocamba").read(["1"], ["email"])


def test_another_profile_is_refused(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.faults("ocamba", status=200, body={"total": 1, "items": [{"id": "2", "email": "x@example.com"}]})
    with pytest.raises(RecordRefused, match="another profile"):
        reader("ocamba").read(["1"], ["email"])


@pytest.mark.parametrize(
    ("field", "sent", "held"),
    [
        ("custom_properties", {"clicker": 1}, '{"clicker": "1"}'),
        ("custom_properties", {"clicker": "1"}, {"clicker": {"type": "string", "value": "1"}}),
        ("custom_properties", {"clicker": "1", "gone": None}, {"clicker": "1"}),
        ("lists", ["2", "1"], [1, 2]),
        ("organization_id", "1000", 1000),
        ("email", "Ada@Example.com", "ada@example.com"),
        ("mobile_phone_number", "+49 658 245684", "+49658245684"),
        ("comment", None, ""),
    ],
)
def test_a_profile_keeps_the_same_in_its_own_form(field: str, sent: Any, held: Any) -> None:
    assert Ocamba(Access("https://api.ocamba.com")).same(field, sent, held)


@pytest.mark.parametrize(
    ("field", "sent", "held", "beside"),
    [
        ("custom_properties", {"a": "1"}, {"a": "1", "b": "2"}, True),
        ("custom_properties", {"a": "1"}, {"a": "2", "b": "2"}, False),
        ("custom_properties", {"a": "1"}, None, False),
        ("lists", ["1"], ["1", "2"], True),
        ("lists", ["3"], ["1", "2"], False),
        ("comment", "Ada", "Ada and Bea", False),
    ],
)
def test_lists_and_properties_hold_what_was_sent_alone_or_beside_others(
    field: str, sent: Any, held: Any, beside: bool
) -> None:
    host = "https://api.ocamba.com"
    assert not Ocamba(Access(host)).same(field, sent, held)
    assert Ocamba(Access(host, extra={"collections": "add"})).same(field, sent, held) is beside


def test_choices_that_are_about_reading_change_nothing_of_what_a_ledger_compares() -> None:
    host = "https://api.ocamba.com"
    extra = {name: options[1] for name, options in Ocamba.readings.items() if name in Ocamba.about_reads}
    assert Ocamba(Access(host, extra=extra)).shape == Ocamba(Access(host)).shape


def test_the_accounts_own_properties_are_told_as_members_of_custom_properties(
    sandbox: Sandbox, reader: OpenReader
) -> None:
    profiles = {str(n): {"custom_properties": {f"property_{n}": "1"}} for n in range(130)}
    sandbox.load("ocamba", profiles)
    read = reader("ocamba")
    infos = {info.id: info for info in read.transport.drive(read.vendor.tell_fields())}
    assert set(infos["custom_properties"].options) == {f"property_{n}" for n in range(130)}
    assert infos["email"].options == {}
