"""Communifire's reads: named attributes of one user after the other; the rest is not given back."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.errors import ConfigurationError, RecordRefused
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Access
from airflow_profile_provider.vendors.communifire import Communifire

from .conftest import OpenReader

USERS: dict[str, dict[str, Any]] = {
    "12": {"Email": "ada@example.com", "Username": "ada", "First name": "Ada", "Motto": "x"},
    "13": {"Email": "bea@example.com", "Username": "nevada", "First name": "Bea"},
}


@pytest.fixture
def rules() -> Communifire:
    return Communifire(Access("https://intranet.example.com"))


def test_labels_that_are_no_attributes_are_never_given_back(rules: Communifire) -> None:
    labels = ["First name", "Motto", "Reports to", "Phone", "Share my profile", "Email"]
    assert rules.unreadable(labels) == {"Motto", "Reports to", "Share my profile"}
    told = Communifire(Access("https://intranet.example.com", extra={"attributes": "labels"}))
    assert told.unreadable(labels) == frozenset()


@pytest.mark.parametrize(("key_type", "key"), [("UserID", "12"), ("Username", "ada")])
def test_a_user_is_read_by_the_id_or_the_user_name(
    key_type: str, key: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load("communifire", USERS)
    held = reader("communifire").read([key], ["First name", "Phone"], key_type)[key]
    assert (held.key, held.fields) == (key, {"First name": "Ada", "Phone": None})


def test_nobody_is_read_by_an_email_address(reader: OpenReader) -> None:
    with pytest.raises(ConfigurationError, match="they are read by UserID, Username"):
        reader("communifire").read(["ada@example.com"], ["Phone"], "Email")


@pytest.mark.parametrize(("key_type", "key"), [("UserID", "99"), ("Username", "a"), ("Username", "zoe")])
def test_nobody_is_none(key_type: str, key: str, sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.load("communifire", USERS)
    assert reader("communifire").read([key], ["Phone"], key_type) == {key: None}


@pytest.mark.parametrize("list_shows", ["attributes", "identifiers"])
@pytest.mark.parametrize("key_type", ["UserID", "Email", "Username"])
def test_users_are_listed_by_each_identifier(
    list_shows: str, key_type: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    users = {
        str(n): {"Email": f"p{n}@example.com", "Username": f"p{n}", "City": f"c{n}"} for n in range(1, 41)
    }
    sandbox.load("communifire", users)
    sandbox.settings("communifire", list_shows=list_shows, read_labels="ignore")
    held = reader("communifire").everybody(["City"], key_type)
    names = {"UserID": "{}", "Email": "p{}@example.com", "Username": "p{}"}
    assert {key: each.fields["City"] for key, each in held.items()} == {
        names[key_type].format(n): f"c{n}" for n in range(1, 41)
    }


def test_labels_are_asked_for_if_the_site_gives_them(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.load("communifire", USERS)
    read = reader("communifire", attributes="labels")
    assert read.read(["12"], ["Motto", "First name"])["12"].fields == {"Motto": "x", "First name": "Ada"}
    sandbox.settings("communifire", read_labels="ignore")
    assert read.read(["12"], ["Motto", "First name"])["12"].fields == {"First name": "Ada"}


@pytest.mark.parametrize("key_type", ["UserID", "Email"])
def test_a_user_is_found_by_exactly_the_user_name(
    key_type: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load("communifire", USERS)
    key = {"UserID": "12", "Email": "ada@example.com"}[key_type]
    assert [held.key for held in reader("communifire").find("Username", "ada", key_type)] == [key]
    assert reader("communifire").find("Username", "ad", key_type) == ()


def test_several_users_of_one_name_are_none_to_be_taken(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.load("communifire", {"1": {"Username": "ada"}, "2": {"Username": "ada"}})
    read = reader("communifire")
    with pytest.raises(RecordRefused, match="several users"):
        read.read(["ada"], ["Phone"], "Username")
    assert len(read.find("Username", "ada")) == 2


@pytest.mark.parametrize("words", ["Access denied.", "", None], ids=repr)
def test_another_error_is_a_refusal(words: Any, sandbox: Sandbox, reader: OpenReader) -> None:
    body = {"IsError": True, "ResponseMessage": words, "ResponseData": None}
    sandbox.faults("communifire", status=200, body=body)
    with pytest.raises(RecordRefused, match="IsError"):
        reader("communifire").read(["12"], ["Phone"])


def test_another_user_is_refused(sandbox: Sandbox, reader: OpenReader) -> None:
    body = {"IsError": False, "ResponseMessage": "", "ResponseData": {"UserID": 13, "Phone": "1"}}
    sandbox.faults("communifire", status=200, body=body)
    with pytest.raises(RecordRefused, match="another user"):
        reader("communifire").read(["12"], ["Phone"])


@pytest.mark.parametrize(
    ("label", "sent", "held"),
    [
        ("Phone", "+1 (415) 555-0100", "+14155550100"),
        ("Email", "Ada@Example.com", "ada@example.com"),
        ("Share my profile", "true", "True"),
        ("Share my profile", "false", False),
        ("Company", "Aurora ", "Aurora"),
        ("Number", "12", 12),
        ("Company", "", None),
    ],
)
def test_a_site_keeps_the_same_in_its_own_form(label: str, sent: Any, held: Any, rules: Communifire) -> None:
    assert rules.same(label, sent, held)


@pytest.mark.parametrize(
    ("label", "sent", "held"),
    [("Share my profile", "true", "False"), ("Company", "Aurora", "aurora"), ("Company", "true", None)],
)
def test_another_value_is_not_the_same(label: str, sent: Any, held: Any, rules: Communifire) -> None:
    assert not rules.same(label, sent, held)


def test_a_user_whom_the_site_refuses_to_show_is_passed_over_by_the_list(
    sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load("communifire", USERS)
    sandbox.settings("communifire", list_shows="identifiers")
    body = {"IsError": True, "ResponseMessage": "Access denied.", "ResponseData": None}
    sandbox.faults("communifire", status=200, body=body, path="content/12")
    read = reader("communifire")
    assert read.everybody(["City"]).keys() == {"13"}
    with pytest.raises(RecordRefused, match="IsError"):
        read.read(["12"], ["City"])


def test_a_site_that_refuses_to_show_anybody_is_not_empty(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.load("communifire", USERS)
    sandbox.settings("communifire", list_shows="identifiers")
    sandbox.faults("communifire", status=403, path="content")
    with pytest.raises(RecordRefused, match="403"):
        reader("communifire").page(None, ["City"])
