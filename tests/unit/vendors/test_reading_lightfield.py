"""Lightfield's reads: pages from an index that lags, and values that each type keeps in its own form."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.errors import InvalidRecord, RecordRefused
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Access, Field
from airflow_profile_provider.vendors.lightfield import Lightfield

from .conftest import OpenReader, Reader


@pytest.fixture
def read(reader: OpenReader) -> Reader:
    return reader("lightfield")


@pytest.fixture
def rules() -> Lightfield:
    return Lightfield(Access("https://api.lightfield.app"))


@pytest.mark.parametrize(("accounts", "pages"), [(0, 1), (24, 1), (25, 2), (49, 2), (60, 3)])
def test_the_last_page_is_shorter_than_the_others(
    accounts: int, pages: int, sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load("lightfield", {f"acc_{n}": {"$name": f"n{n}"} for n in range(accounts)})
    held = read.everybody(["$name"])
    assert {key: each.fields["$name"] for key, each in held.items()} == {
        f"acc_{n}": f"n{n}" for n in range(accounts)
    }
    assert sandbox.requests("lightfield")["total"] == pages


def test_a_page_may_show_what_was_and_a_read_never_does(sandbox: Sandbox, read: Reader) -> None:
    assert read.vendor.lists_lag
    sandbox.load("lightfield", {"acc_1": {"$name": "Old"}})
    sandbox.settings("lightfield", index_lag=60.0)
    sandbox.edit("lightfield", {"acc_1": {"$name": "New"}})
    assert read.everybody(["$name"])["acc_1"].fields == {"$name": "Old"}
    assert read.read(["acc_1"], ["$name"])["acc_1"].fields == {"$name": "New"}


def test_a_field_that_is_empty_is_none(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("lightfield", {"acc_1": {"$name": "Acme", "$website": []}})
    fields = ["$name", "$website", "$headcount", "nothing"]
    expected = {"$name": "Acme", "$website": None, "$headcount": None, "nothing": None}
    assert read.read(["acc_1"], fields)["acc_1"].fields == expected


def test_another_account_than_the_one_that_was_asked_for_is_refused(sandbox: Sandbox, read: Reader) -> None:
    key = next(iter(sandbox.keys("lightfield")))
    sandbox.settings("lightfield", answers_as="acc_another")
    with pytest.raises(RecordRefused, match="another account"):
        read.read([key], ["$name"])


@pytest.mark.parametrize("envelope", ["wrapped", "unwrapped"])
def test_a_key_without_the_scope_is_told_so(envelope: str, sandbox: Sandbox, read: Reader) -> None:
    sandbox.settings("lightfield", scopes=["accounts:update"], envelope=envelope)
    for act in (lambda: read.read(["acc_1"], ["$name"]), lambda: read.page(None, ["$name"])):
        with pytest.raises(RecordRefused, match="add the scope accounts:read"):
            act()


# -- finding ------------------------------------------------------------------------------------------------

ACCOUNTS: dict[str, dict[str, Any]] = {
    "acc_1": {"$name": "Acme", "$website": ["https://acme.example.com"], "code": "A 1&b=2"},
    "acc_2": {"$name": "Acme", "$website": ["https://acme.example.com/shop"], "code": "A 10"},
    "acc_3": {"$name": "Acme Labs", "code": "A 100"},
}


@pytest.mark.parametrize(
    ("field", "value", "keys"),
    [
        ("$name", "Acme", ["acc_1", "acc_2"]),
        ("$name", "Acme Labs", ["acc_3"]),
        ("$name", "acme corp", []),
        ("$website", "https://acme.example.com", ["acc_1"]),
        ("code", "A 1&b=2", ["acc_1"]),
        ("code", "A 100", ["acc_3"]),
    ],
)
def test_accounts_are_found_by_exactly_one_value(
    field: str, value: str, keys: list[str], sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load("lightfield", ACCOUNTS)
    assert sorted(held.key for held in read.find(field, value)) == keys


def test_whoever_the_index_still_shows_is_not_found(sandbox: Sandbox, read: Reader) -> None:
    """A wrong account must not be taken for the right one."""
    sandbox.load(
        "lightfield", {"acc_1": {"$name": "Acme"}, "acc_2": {"$name": "Acme"}, "acc_3": {"$name": "Acme"}}
    )
    sandbox.settings("lightfield", index_lag=60.0)
    sandbox.edit("lightfield", {"acc_1": {"$name": "Sold"}})
    sandbox.trash("lightfield", "acc_2")
    assert [held.key for held in read.find("$name", "Acme")] == ["acc_3"]


def test_a_custom_attribute_is_matchable_if_its_type_has_a_filter(rules: Lightfield) -> None:
    told = {"code": Field(type="TEXT"), "tags": Field(type="MULTI_SELECT")}
    assert rules.is_matchable("code", told)
    assert rules.is_matchable("code")
    assert not rules.is_matchable("tags", told)
    assert not rules.is_matchable("codd", told)
    assert rules.is_matchable("$name", told)
    assert not rules.is_matchable("$industry", told)


# -- what each type keeps -----------------------------------------------------------------------------------

OPTIONS = (("opt_1", "Fintech"), ("opt_2", "Food"))


@pytest.mark.parametrize(
    ("kind", "sent", "held"),
    [
        ("SINGLE_SELECT", "Fintech", "opt_1"),
        ("SINGLE_SELECT", "opt_1", "opt_1"),
        ("MULTI_SELECT", ["food", "opt_1"], ["opt_1", "opt_2"]),
        ("DATETIME", "2026-03-16T14:00:00+02:00", "2026-03-16T12:00:00.000Z"),
        ("DATETIME", "2026-03-16T14:00:00.123456+02:00", "2026-03-16T12:00:00.123Z"),
        ("DATETIME", "2026-03-16T14:00:00.123456+02:00", "2026-03-16T12:00:00Z"),
        ("EMAIL", "Ada@Example.com", ["ada@example.com"]),
        ("TELEPHONE", ["(415) 555-0100"], ["+14155550100"]),
        ("TELEPHONE", ["1 415 555 0100 x9"], ["+14155550100;ext=9"]),
        ("TELEPHONE", "+49 658 24568", ["+4965824568"]),
        ("URL", ["https://ACME.example.com/"], "https://acme.example.com"),
        ("SOCIAL_HANDLE", "https://www.linkedin.com/company/Acme/", "acme"),
        ("SOCIAL_HANDLE", "https://twitter.com/acme", "https://x.com/acme?s=20"),
        ("SOCIAL_HANDLE", "https://x.com/acme", "@acme"),
        ("ADDRESS", {"city": "Turku"}, {"city": "Turku ", "country": "FI"}),
        ("FULL_NAME", {"firstName": "Ada", "lastName": None}, {"firstName": "Ada"}),
        ("NUMBER", 12, 12.0),
        ("CURRENCY", "12.50", 12.5),
        ("CHECKBOX", True, True),
        ("MARKDOWN", "a\r\nb \r\n", "a\nb"),
        ("", "x", ["x"]),
        ("", "2026-03-16T14:00:00+02:00", "2026-03-16T12:00:00Z"),
        ("TEXT", None, ""),
    ],
)
def test_a_type_keeps_the_same_in_its_own_form(kind: str, sent: Any, held: Any, rules: Lightfield) -> None:
    assert rules.same("any", sent, held, {"any": Field(type=kind, options=OPTIONS)})


@pytest.mark.parametrize(
    ("kind", "sent", "held"),
    [
        ("SINGLE_SELECT", "Fintech", "opt_2"),
        ("SINGLE_SELECT", "Retail", "opt_1"),
        ("MULTI_SELECT", ["opt_1"], ["opt_1", "opt_2"]),
        ("DATETIME", "2026-03-16T14:00:00+02:00", "2026-03-16T14:00:00.000Z"),
        ("DATETIME", "2026-03-16T14:00:00+02:00", "2026-03-16T12:00:01Z"),
        ("TELEPHONE", ["+49 415 555 0100"], ["+14155550100"]),
        ("EMAIL", ["a@x.com", "b@x.com"], ["a@x.com"]),
        ("URL", ["https://acme.example.com/a"], ["https://acme.example.com/A"]),
        ("SOCIAL_HANDLE", "https://www.linkedin.com/company/acme", "https://www.linkedin.com/in/acme"),
        ("SOCIAL_HANDLE", "acme", "acmee"),
        ("SOCIAL_HANDLE", "acme", 7),
        ("ADDRESS", {"city": "Turku"}, {"city": "Oulu"}),
        ("ADDRESS", {"city": "Turku"}, "Turku"),
        ("CHECKBOX", True, False),
        ("TEXT", "Ada", "ada"),
        ("TEXT", "Ada", None),
        ("TEXT", None, "Ada"),
        ("", "x", ["x", "y"]),
    ],
)
def test_another_value_is_not_the_same(kind: str, sent: Any, held: Any, rules: Lightfield) -> None:
    assert not rules.same("any", sent, held, {"any": Field(type=kind, options=OPTIONS)})


def test_the_options_of_a_select_are_told(read: Reader) -> None:
    request = read.vendor.catalogue_request()
    assert request
    infos = {info.id: info for info in read.vendor.field_infos(read.transport.send(request))}
    assert infos["$headcount"].type == "SINGLE_SELECT"
    assert infos["$headcount"].options["opt_headcount_1150"] == "11-50"
    assert infos["$accountStatus"].read_only
    assert infos["tier"].label == "Tier"


@pytest.mark.parametrize("value", ["11-50", "opt_headcount_1150", " 11-50 "])
def test_a_select_takes_an_option_by_its_id_or_label(value: str, read: Reader) -> None:
    told = read.transport.send(read.vendor.catalogue_request())
    assert read.vendor.check_field("$headcount", value, loose=False, catalogue=told) == value


@pytest.mark.parametrize(("field", "value"), [("$headcount", "12"), ("$industry", ["Food", "Foot"])])
def test_a_select_takes_nothing_else_than_its_options(field: str, value: Any, read: Reader) -> None:
    told = read.transport.send(read.vendor.catalogue_request())
    with pytest.raises(InvalidRecord, match="options that the definitions list"):
        read.vendor.check_field(field, value, loose=False, catalogue=told)
    assert read.vendor.check_field(field, value, loose=False, catalogue={}) == value
