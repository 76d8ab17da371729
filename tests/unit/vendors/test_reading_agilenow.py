"""Agile.Now's reads: pages of a thousand, identifiers of three kinds, filters that cannot be escaped."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_profile_provider.errors import InvalidRecord, RecordRefused
from airflow_profile_provider.sandbox import Sandbox

from .conftest import OpenReader, Reader


@pytest.fixture
def read(reader: OpenReader) -> Reader:
    return reader("agilenow")


def reads(sandbox: Sandbox) -> list[str]:
    """The paths of what was read."""
    return [each["path"] for each in sandbox.requests("agilenow")["log"] if each["method"] == "GET"]


@pytest.mark.parametrize(("accounts", "pages"), [(2000, 2), (2001, 3), (999, 1), (1, 1), (0, 1)])
@pytest.mark.parametrize("totals", ["number", "text"])
def test_a_thousand_accounts_take_one_request(
    accounts: int, pages: int, totals: str, sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load("agilenow", {f"{n:06d}": {"FirstName": f"n{n}"} for n in range(accounts)})
    sandbox.settings("agilenow", totals=totals)
    held = read.everybody(["FirstName"])
    assert {key: each.fields for key, each in held.items()} == {
        f"{n:06d}": {"FirstName": f"n{n}"} for n in range(accounts)
    }
    assert len(reads(sandbox)) == pages


def test_a_list_whose_first_page_is_1_is_read_to_its_end(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("agilenow", {str(n): {} for n in range(2500)})
    sandbox.settings("agilenow", first_page=1)
    assert len(read.everybody([])) == 2500
    assert len(reads(sandbox)) == 4


@pytest.mark.parametrize("key_type", ["Id", "Username", "ExternalId"])
def test_an_account_is_read_and_listed_by_each_identifier(
    key_type: str, sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load(
        "agilenow",
        {
            "1": {"Username": "ada@example.com", "ExternalId": "ext/1", "FirstName": "Ada"},
            "2": {"Username": "bea", "FirstName": "Bea"},
        },
    )
    key = {"Id": "1", "Username": "ada@example.com", "ExternalId": "ext/1"}[key_type]
    held = read.read([key], ["FirstName"], key_type)[key]
    assert (held.key, held.fields) == (key, {"FirstName": "Ada"})
    everybody = read.everybody(["FirstName"], key_type)
    assert everybody[key].fields == {"FirstName": "Ada"}
    assert len(everybody) == (1 if key_type == "ExternalId" else 2)


def test_values_are_those_of_a_write(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("agilenow", {"1": {"LanguageId": "fi-FI", "Is_Active": False, "Phone": ""}})
    fields = ["LanguageId", "Is_Active", "Phone", "TimezoneId"]
    expected = {"LanguageId": "fi-FI", "Is_Active": False, "Phone": None, "TimezoneId": None}
    assert read.read(["1"], fields)["1"].fields == expected
    assert read.everybody(fields)["1"].fields == expected


def test_several_accounts_of_one_user_name_are_none_to_be_taken(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("agilenow", {"1": {"Username": "ada"}, "2": {"Username": "ada"}})
    with pytest.raises(RecordRefused, match="400"):
        read.read(["ada"], ["Name"], "Username")


def test_another_account_than_the_one_that_was_asked_for_is_refused(sandbox: Sandbox, read: Reader) -> None:
    first, second = list(sandbox.keys("agilenow"))[:2]
    sandbox.settings("agilenow", answers_as=second)
    with pytest.raises(RecordRefused, match="another account's"):
        read.read([first], ["Name"])


def test_a_client_without_a_read_scope_is_told_so(sandbox: Sandbox, reader: OpenReader) -> None:
    sandbox.settings("agilenow", enforce_scopes=True)
    read = reader("agilenow", scope="AccessUser:Update")
    for act in (lambda: read.read(["1"], ["Name"]), lambda: read.page(None, ["Name"])):
        with pytest.raises(RecordRefused, match="add a Read scope"):
            act()


# -- finding ------------------------------------------------------------------------------------------------

PEOPLE: dict[str, dict[str, Any]] = {
    "1": {"Email": "ada@example.com", "Username": "ada", "LastName": "Lovelace", "Phone": "+35840555"},
    "2": {"Email": "bea+1@example.com", "Username": "o'brien (bea)", "LastName": "Lovelace"},
    "3": {"Email": "cem@example.com", "Username": "cem", "LastName": "and"},
}


@pytest.mark.parametrize(
    ("field", "value", "keys"),
    [
        ("Email", "ada@example.com", ["1"]),
        ("Email", " bea+1@example.com ", ["2"]),
        ("Phone", "+35840555", ["1"]),
        ("Username", "o'brien (bea)", ["2"]),
        ("Username", "nobody; or else", []),
        ("LastName", "Lovelace", ["1", "2"]),
        ("Email", "nobody@example.com", []),
        ("Email", "ADA", []),
    ],
)
def test_accounts_are_found_by_exactly_one_value(
    field: str, value: str, keys: list[str], sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load("agilenow", PEOPLE)
    assert sorted(held.key for held in read.find(field, value)) == keys


def test_whoever_is_found_goes_by_the_key_type_that_is_asked_for(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("agilenow", PEOPLE)
    (held,) = read.find("Email", "ada@example.com", "Username")
    assert (held.key, held.fields) == ("ada", {"Email": "ada@example.com"})


@pytest.mark.parametrize(
    "value",
    ["a;b@example.com", "x) OR (Id <> 0", "Ada AND Bea", "and", "100%", "a=b", "a\nb", "o'brien@x.com"],
)
def test_a_value_that_means_something_in_a_filter_is_not_sent(
    value: str, sandbox: Sandbox, read: Reader
) -> None:
    with pytest.raises(InvalidRecord, match="such characters"):
        read.find("Email", value)
    assert reads(sandbox) == []


def test_a_server_that_does_not_heed_the_filter_finds_nobody(sandbox: Sandbox, read: Reader) -> None:
    sandbox.load("agilenow", {str(n): {"Email": f"p{n}@example.com"} for n in range(200)})
    rows = [{"Id": str(n), "Email": f"p{n}@example.com"} for n in range(100)]
    sandbox.faults("agilenow", body={"Meta": {"TotalItems": 200}, "Data": rows}, status=200, path="Accounts")
    with pytest.raises(RecordRefused, match="does it heed the filter"):
        read.find("Email", "p150@example.com")


def test_an_id_may_be_a_number(sandbox: Sandbox, read: Reader) -> None:
    row = {"Id": 7, "ExternalId": 8, "FirstName": "Ada"}
    sandbox.faults("agilenow", status=200, body=row, path="Account/7", times=1)
    assert read.read(["7"], ["FirstName"])["7"].fields == {"FirstName": "Ada"}
    page = {"Meta": {"TotalItems": 1}, "Data": [row]}
    sandbox.faults("agilenow", status=200, body=page, path="Accounts", times=2)
    assert [held.key for held in read.page(None, []).held] == ["7"]
    assert [held.key for held in read.page(None, [], "ExternalId").held] == ["8"]


def test_one_of_two_is_not_the_only_one_because_the_other_has_no_such_key(
    sandbox: Sandbox, read: Reader
) -> None:
    sandbox.load("agilenow", {"1": {"LastName": "Ito", "ExternalId": "x"}, "2": {"LastName": "Ito"}})
    with pytest.raises(RecordRefused, match="has no ExternalId"):
        read.find("LastName", "Ito", "ExternalId")
    assert len(read.find("LastName", "Ito")) == 2
