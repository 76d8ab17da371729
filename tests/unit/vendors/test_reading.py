"""One contract for every registered vendor: what a read gives back is what a push has written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from acceptance.rig import Rig, registered
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import Fault

from airflow_profile_provider.errors import (
    ConfigurationError,
    InvalidRecord,
    ProfileError,
    RecordRefused,
    Unanswered,
    VendorError,
)
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendor import Access, Answer

from .conftest import OpenReader, Reader, hook_of

EVERY = pytest.mark.parametrize("vendor", registered())


def written(rig: Rig, number: int) -> dict[str, Any]:
    """Everything that the vendor holds of a profile after the sample's change, in a change's words."""
    return rig.expected(number)


# -- the stand-ins ------------------------------------------------------------------------------------------


def test_a_profile_that_was_pushed_is_read_as_it_was_pushed(rig: Rig) -> None:
    rig.hold(1, 2, 3)
    rig.push(rig.changes(1, 2, 3))
    reader = Reader(rig.hook)
    fields = rig.sample.fields(1)
    hidden = reader.vendor.unreadable(fields)
    found = reader.read([rig.sample.key(n) for n in (1, 2, 3)], fields)
    for number in (1, 2, 3):
        held = found[rig.sample.key(number)]
        assert held.key == rig.sample.key(number)
        sent = {name: value for name, value in rig.sample.fields(number).items() if name not in hidden}
        assert sent
        assert [n for n, v in sent.items() if not reader.vendor.same(n, v, held.fields.get(n))] == []
        assert hidden.isdisjoint(held.fields)


def test_a_profile_that_is_not_there_is_none(rig: Rig) -> None:
    rig.hold(1)
    reader = Reader(rig.hook)
    assert reader.read([rig.sample.nobody], [rig.sample.text]) == {rig.sample.nobody: None}


def test_the_pages_hold_every_profile_as_it_was_pushed(rig: Rig) -> None:
    numbers = range(1, 131)
    rig.hold(*numbers)
    rig.push(rig.changes(1, 77, 130))
    reader = Reader(rig.hook)
    name = rig.sample.text
    held = reader.everybody([name])
    assert held.keys() == {rig.sample.key(number) for number in numbers}
    for number in numbers:
        sent = (rig.sample.fields if number in {1, 77, 130} else rig.sample.before)(number)[name]
        assert reader.vendor.same(name, sent, held[rig.sample.key(number)].fields[name])


def test_a_value_of_another_is_not_the_same(rig: Rig) -> None:
    vendor = Reader(rig.hook).vendor
    name = rig.sample.text
    assert vendor.same(name, "Ada", " Ada ")
    assert not vendor.same(name, "Ada", "Ida")
    assert not vendor.same(name, "Ada", None)
    assert vendor.same(name, None, None)


def test_reading_writes_nothing(rig: Rig) -> None:
    rig.hold(1)
    reader = Reader(rig.hook)
    reader.read([rig.sample.key(1)], [rig.sample.text])
    reader.everybody([rig.sample.text])
    assert rig.stand_in.writes == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        "",
        "<html>Sign in</html>",
        "null",
        "[]",
        "{}",
        "7",
        '"text"',
        "[[]]",
        '{"data": 7}',
        "{",
        "[1, {}]",
    ],
)
def test_an_answer_of_any_other_shape_is_an_error_of_ours(rig: Rig, body: Any) -> None:
    rig.hold(1)
    reader = Reader(rig.hook)
    if reader.vendor.token_request():
        reader.read([rig.sample.key(1)], [rig.sample.text])  # so that the token is there
    rig.stand_in.faults = [Fault(200, body, {"Content-Type": "application/json"}, on="any", times=None)]
    name = next(iter(reader.vendor.matchable), None)
    acts: list[Any] = [
        lambda: reader.read([rig.sample.key(1)], [rig.sample.text]),
        lambda: reader.page(None, [rig.sample.text]),
        *([lambda: reader.find(name, "x")] if name else []),
    ]
    for act in acts:
        with pytest.raises((RecordRefused, Unanswered)):
            act()


def test_no_permission_to_read_is_a_refusal(rig: Rig) -> None:
    rig.hold(1)
    reader = Reader(rig.hook)
    if reader.vendor.token_request():
        reader.read([rig.sample.key(1)], [rig.sample.text])
    rig.stand_in.faults = [Fault(403, None, on="any", times=None)]
    for act in (
        lambda: reader.read([rig.sample.key(1)], [rig.sample.text]),
        lambda: reader.page(None, [rig.sample.text]),
    ):
        with pytest.raises(RecordRefused, match="403"):
            act()


ROW = st.dictionaries(
    st.sampled_from(
        [
            *("Id", "id", "accId", "UserID", "Username", "accName", "comName", "activeApiIds", "archived"),
            *("fields", "profileFields", "status", "custom_properties", "lists", "email", "$name", "unit"),
        ]
    ),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.just({"data": [{"id": "unit", "value": ["x"]}, 7]})
    | st.just({"$name": {"value": [1]}, "data": 7})
    | st.lists(st.integers() | st.text(max_size=3), max_size=3),
    max_size=6,
)
DOCUMENT = ROW | st.dictionaries(
    st.sampled_from(
        ["Data", "Meta", "data", "items", "total", "accounts", "ResponseData", "IsError", "success"]
    ),
    st.lists(ROW | st.integers(), max_size=3) | ROW | st.integers() | st.text(max_size=5) | st.booleans(),
    max_size=5,
)


@EVERY
@settings(max_examples=150, deadline=None)
@given(document=DOCUMENT, status=st.sampled_from([200, 200, 200, 201, 204, 400, 404, 409, 418]))
def test_no_answer_at_all_breaks_a_read(vendor: str, document: Any, status: int) -> None:
    """Whatever an answer holds, what comes of it is a profile, nobody, or an error of ours."""
    host = "https://vendor.example.com"
    rules = hook_of(vendor).vendor_class(Access(host, "login", "secret"))
    answer = Answer(status, {"content-type": "application/json"}, json.dumps(document).encode())
    fields = ["unit", "email", "$name", "custom_properties", "lists", "Username"]
    name = next(iter(rules.matchable))
    for steps in (
        rules.read(["7"], rules.key_types[0], fields),
        rules.read_all(None, rules.key_types[0], fields),
        rules.find(name, "x", rules.key_types[0]),
    ):
        try:
            request = next(steps)
            for _ in range(50):
                request = steps.send(request.read(answer))
        except StopIteration:
            pass
        except ProfileError as error:
            assert isinstance(error, VendorError)


# -- the sandbox --------------------------------------------------------------------------------------------

CHANGES: dict[str, dict[str, Any]] = {
    "sonoran": {
        "0b6c2f4e-58a7-4c1d-9f0e-3a1b7c5d2e90": "Ada  Lovelace ",
        "d9d1288e-3892-40d6-acc5-be2c3d294bd4": ["steam:1", " steam:2"],
        "3b9c1f5e-804d-4da1-ae6f-70819cadbe23": "CET",
    },
    "communifire": {"First name": "Ada ", "Phone": "+1 (415) 555-0100", "Company": "Aurora"},
    "agilenow": {
        "FirstName": " Ada",
        "Phone": "+358 (40) 555-0100",
        "Email": "Ada@Example.COM",
        "LanguageId": "sv-se",
        "NotifyBySMS": True,
    },
    "lightfield": {
        "$name": "Acme ",
        "$website": ["https://ACME.example.com/"],
        "phone": ["(415) 555-0100"],
        "$industry": ["Software", "Food"],
        "renewalDate": "2026-03-16T14:00:00+02:00",
        "employees": 12,
        "$primaryAddress": {"city": " Turku", "country": "FI"},
    },
    "ocamba": {
        "full_name": "Ada ",
        "email": "Ada@Example.com",
        "mobile_phone_number": "+49 (658) 245-684",
        "lists": ["1000102", "1000101"],
        "organization_id": "1001",
        "custom_properties": {"clicker": "1"},
    },
}


@EVERY
@pytest.mark.parametrize("harsh", [False, True], ids=["natural", "harsh"])
def test_what_the_sandbox_holds_after_a_push_is_read_as_the_same(
    vendor: str, harsh: bool, sandbox: Sandbox, reader: OpenReader
) -> None:
    """Also where it tidies values, and whatever it makes of what its pages leave open."""
    sandbox.settings(vendor, harsh=harsh)
    if vendor == "lightfield":
        sandbox.settings(vendor, labels="accept")
    read = reader(vendor)
    key = next(iter(sandbox.keys(vendor)))
    report = hook_of(vendor).push([{"key": key, "fields": CHANGES[vendor]}], quota="none")
    assert report.pushed == 1
    sandbox.advance(10)
    catalogue = read.transport.send(request) if (request := read.vendor.catalogue_request()) else {}
    fields = set(CHANGES[vendor]) - read.vendor.unreadable(CHANGES[vendor])
    by_key = read.read([key], fields)[key]
    listed = read.everybody(fields)[key] if read.vendor.page_size and not harsh else by_key
    for held in (by_key, listed):
        assert [
            (name, held.fields.get(name))
            for name in fields
            if not read.vendor.same(name, CHANGES[vendor][name], held.fields.get(name), catalogue)
        ] == []


@EVERY
def test_what_somebody_edits_at_the_vendor_is_not_the_same_any_more(
    vendor: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    read = reader(vendor)
    key = next(iter(sandbox.keys(vendor)))
    name = next(n for n, v in CHANGES[vendor].items() if isinstance(v, str) and n != "Email")
    before = read.read([key], [name])[key]
    sandbox.edit(vendor, {key: {name: "Somebody else"}})
    after = read.read([key], [name])[key]
    assert read.vendor.same(name, "Somebody else", after.fields[name])
    assert not read.vendor.same(name, before.fields[name], after.fields[name])


@EVERY
def test_a_profile_that_was_deleted_or_merged_away_is_none(
    vendor: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    read = reader(vendor)
    first, second, third = list(sandbox.keys(vendor))[:3]
    sandbox.trash(vendor, first)
    sandbox.merge(vendor, second, third)
    name = next(iter(CHANGES[vendor]))
    found = read.read([first, second, third], [name])
    assert (found[first], found[second], found[third].key) == (None, None, third)


@EVERY
@pytest.mark.parametrize("drift", ["still", "twice", "skip"])
@pytest.mark.parametrize("totals", ["number", "text"])
def test_a_list_is_read_to_its_end_while_it_moves(
    vendor: str, drift: str, totals: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    several = {"agilenow": 2300, "communifire": 60}.get(vendor, 230)
    profiles: dict[str, Any] = {f"{1743075506873610 + n}": {} for n in range(several)}
    sandbox.load(vendor, profiles)
    sandbox.settings(vendor, drift=drift, totals=totals)
    read = reader(vendor)
    pages = list(read.pages([]))
    held = {held.key for page in pages for held in page.held}
    missing = profiles.keys() - held
    assert held <= profiles.keys()
    assert len(missing) <= {"still": 0, "twice": 1, "skip": len(pages)}[drift]
    assert all(page.cursor is None or "17430755" not in page.cursor for page in pages)


@EVERY
@pytest.mark.parametrize("totals", ["number", "text"])
def test_a_page_tells_how_many_there_are_where_the_list_says_so(
    vendor: str, totals: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load(vendor, {str(n): {} for n in range(1, 131)})
    sandbox.settings(vendor, totals=totals)
    assert reader(vendor).page(None, []).total == (None if vendor == "communifire" else 130)


@EVERY
def test_a_page_can_be_asked_for_again_by_its_cursor(
    vendor: str, sandbox: Sandbox, reader: OpenReader
) -> None:
    sandbox.load(vendor, {str(n): {} for n in range(1, 131)})
    read = reader(vendor)
    cursor = read.page(None, []).cursor
    if cursor is None:
        pytest.skip(f"{vendor} has one page of so many")
    again = reader(vendor)
    assert read.page(cursor, []) == again.page(cursor, [])


@EVERY
def test_a_field_that_nobody_is_found_by_is_refused(vendor: str, reader: OpenReader) -> None:
    with pytest.raises(ConfigurationError, match="cannot be found by \\$nothing"):
        reader(vendor).find("$nothing", "x")


@EVERY
@pytest.mark.parametrize("value", [None, "", "  ", [], {"a": 1}, True])
def test_a_value_that_finds_nobody_is_invalid(vendor: str, value: Any, reader: OpenReader) -> None:
    read = reader(vendor)
    with pytest.raises(InvalidRecord, match="a text to look for"):
        read.find(next(iter(read.vendor.matchable)), value)


@EVERY
def test_a_key_type_that_does_not_exist_is_refused(vendor: str, reader: OpenReader) -> None:
    read = reader(vendor)
    with pytest.raises(ConfigurationError, match="read by"):
        read.read(["1"], ["x"], "shoe_size")


@EVERY
def test_the_fields_of_a_vendor_are_told(vendor: str, reader: OpenReader) -> None:
    read = reader(vendor)
    infos = read.transport.drive(read.vendor.tell_fields())
    assert len({info.id for info in infos}) == len(infos)
    assert infos or vendor == "communifire"
    assert all(info.label and info.type for info in infos)


@EVERY
@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"body": "<html>Not found</html>"},
        {"body": {"message": "no Route matched with those values"}},
        {"body": {"detail": "Not Found"}},
    ],
    ids=str,
)
def test_a_404_of_something_in_between_does_not_say_that_nobody_is_there(
    vendor: str, fault: dict[str, Any], sandbox: Sandbox, reader: OpenReader
) -> None:
    read = reader(vendor)
    key = next(iter(sandbox.keys(vendor)))
    read.read([key], ["x"])
    sandbox.faults(vendor, status=404, **fault)
    with pytest.raises(RecordRefused, match="404"):
        read.read([key], ["x"])


@EVERY
@pytest.mark.parametrize("status", [403, 404])
def test_fields_are_told_without_a_catalogue_that_may_not_be_read(
    vendor: str, status: int, sandbox: Sandbox, reader: OpenReader
) -> None:
    read = reader(vendor)
    if read.vendor.token_request():
        read.page(None, [])
    sandbox.faults(vendor, status=status)
    assert read.transport.drive(read.vendor.tell_fields()) == read.vendor.field_infos()
