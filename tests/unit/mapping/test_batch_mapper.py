"""Rows that are mapped a column at a time become what a look at each makes of them, or are left to that."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixth_vendor.acme import Acme

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.fields import const, first_of, from_json, joined
from airflow_profile_provider.mapping.batch_mapper import MappedRows
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Change
from airflow_profile_provider.sources.batches import TupleBatch
from airflow_profile_provider.vendors.agilenow import AgileNow
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.communifire import Communifire
from airflow_profile_provider.vendors.fields import Catalogue, Field
from airflow_profile_provider.vendors.lightfield import Lightfield
from airflow_profile_provider.vendors.lightfield.attributes import attribute
from airflow_profile_provider.vendors.ocamba import Ocamba
from airflow_profile_provider.vendors.sonoran import Sonoran

ACCESS = Access("https://vendor.example.com", "login", "secret")
VENDORS = [AgileNow, Communifire, Lightfield, Ocamba, Sonoran, Acme]
TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["", " ", ".", "..", "\ud800", "Ä" * 60, "\0", "Ada"]))
NUMBERS = st.one_of(st.integers(), st.floats(), st.decimals(allow_nan=True), st.just(10**5000))
VALUES = st.one_of(
    st.none(),
    TEXTS,
    NUMBERS,
    st.booleans(),
    st.lists(st.one_of(TEXTS, st.none()), max_size=2),
    st.dictionaries(TEXTS, st.one_of(TEXTS, st.none()), max_size=2),
    st.sampled_from([datetime(2026, 11, 26, tzinfo=UTC), b"bytes", {"a"}, object(), Decimal("1.50")]),
)
KEYS = st.one_of(TEXTS, st.integers(), st.none(), st.floats())
ROWS = st.lists(st.tuples(KEYS, VALUES, VALUES), min_size=1, max_size=8)
LIKELY = st.lists(st.tuples(TEXTS, st.one_of(TEXTS, st.none()), TEXTS), min_size=1, max_size=8)
NAMES = ["id", "one", "two"]


def mapper_of(vendor: Vendor, fields: Any, **options: Any) -> Mapper:
    mapper = Mapper(vendor, FieldMapping(key="id", fields=fields, **options))
    mapper.know(Catalogue())
    return mapper


def keys_of(rows: list[tuple[Any, ...]], mapper: Mapper) -> list[str]:
    return [mapper.key_in({"id": row[0]}) or "" for row in rows]


def by_itself(mapper: Mapper, batch: TupleBatch) -> dict[int, Change]:
    found = {}
    for place, row in enumerate(batch.rows(range(len(batch)))):
        try:
            found[place] = mapper.change(row)
        except InvalidRecord:
            continue
    return found


def together(
    mapper: Mapper, batch: TupleBatch, keys: list[str], places: list[int]
) -> dict[int, dict[str, Any]]:
    of_batches = mapper.of_batches
    assert of_batches is not None
    found: dict[int, dict[str, Any]] = {}
    table = batch.values()
    assert table is not None
    for rows in of_batches.mapped(table, keys, places):
        for at, place in enumerate(rows.places):
            assert place not in found
            found[place] = {name: values[at] for name, values in rows.fields.items()}
    return found


FIELDS: dict[type[Vendor], tuple[str, str]] = {
    AgileNow: ("FirstName", "Is_Active"),
    Communifire: ("Company", "Email"),
    Lightfield: ("$name", "$website"),
    Ocamba: ("full_name", "organization_id"),
    Sonoran: ("nickname", "roles"),
    Acme: ("nick", "age"),
}


@pytest.mark.parametrize("nulls", ["skip", "clear", "invalid"])
@pytest.mark.parametrize("vendor", VENDORS)
@given(rows=st.one_of(ROWS, LIKELY), most=st.sampled_from([1_000_000, 200]), data=st.data())
def test_rows_become_the_same_together_as_by_themselves(
    vendor: type[Vendor], nulls: str, rows: list[tuple[Any, ...]], most: int, data: st.DataObject
) -> None:
    one, two = FIELDS[vendor]
    mapper = mapper_of(vendor(ACCESS), {one: "one", two: "two"}, nulls=nulls, max_record_bytes=most)
    batch = TupleBatch(1, NAMES, rows)
    places = sorted(data.draw(st.sets(st.sampled_from(range(len(rows))))))
    expected = by_itself(mapper, batch)
    found = together(mapper, batch, keys_of(rows, mapper), places)
    assert found.keys() <= expected.keys() & set(places)
    for place, fields in found.items():
        assert repr(fields) == repr(expected[place].fields)


@pytest.mark.parametrize("vendor", VENDORS)
def test_rows_of_plain_texts_are_all_taken_together(vendor: type[Vendor]) -> None:
    name = FIELDS[vendor][0]
    rows = [("k1", "Ada", "x"), ("k2", "Zoë", "x"), ("K3 ", "", "x")]
    mapper = mapper_of(vendor(ACCESS), {name: "one"})
    batch = TupleBatch(1, NAMES, rows)
    assert together(mapper, batch, [row[0] for row in rows], [0, 1, 2]) == {
        0: {name: "Ada"},
        1: {name: "Zoë"},
        2: {name: ""},
    }


@given(rows=LIKELY)
def test_expressions_make_the_same_together_as_by_themselves(rows: list[tuple[Any, ...]]) -> None:
    mapper = mapper_of(
        Acme(ACCESS),
        {
            "nick": first_of("one", "two"),
            "full": joined("{} {}", "one", "two"),
            "x": "two",
            "y": const(1),
            "z": from_json("one"),
        },
    )
    batch = TupleBatch(1, NAMES, rows)
    found = together(mapper, batch, keys_of(rows, mapper), list(range(len(rows))))
    expected = by_itself(mapper, batch)
    assert found == {place: expected[place].fields for place in found}
    assert found.keys() <= expected.keys()


def test_rows_that_are_left_out_are_only_the_odd_ones() -> None:
    rows = [("1", "Ada", 1), ("2", "Bob", "no number"), ("", "Eve", 3), ("4", None, None), ("5", "Ada", True)]
    mapper = mapper_of(Acme(ACCESS), {"nick": "one", "age": "two"}, nulls="skip")
    batch = TupleBatch(1, NAMES, rows)
    found = together(mapper, batch, keys_of(rows, mapper), list(range(5)))
    assert found == {0: {"nick": "Ada", "age": 1}}, "4 would send nothing, and 5 is no number"


def test_rows_that_may_be_rejects_are_left_to_a_look_at_each() -> None:
    mapper = mapper_of(Acme(ACCESS), {"nick": "verdict"})
    assert together(mapper, TupleBatch(1, ["id", "verdict"], [("1", "failed")]), ["1"], [0]) == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_made_of_ours_that_looks_at_each_change_does_so(vendor: type[Vendor]) -> None:
    class Picky(vendor):  # type: ignore[valid-type, misc] -- made of each
        def check_change(self, change: Change) -> None:
            if "Ada" in change.fields.values():
                raise InvalidRecord("no")

    mapper = mapper_of(Picky(ACCESS), {FIELDS[vendor][0]: "one"})
    assert together(mapper, TupleBatch(1, NAMES, [("1", "Bob", "")]), ["1"], [0]) == {}


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_made_of_ours_that_writes_each_value_does_so(vendor: type[Vendor]) -> None:
    class Loud(vendor):  # type: ignore[valid-type, misc] -- made of each
        def write(self, known: Field, value: Any) -> Any:
            return super().write(known, value).upper()

    name = FIELDS[vendor][0]
    mapper = mapper_of(Loud(ACCESS), {name: "one"})
    batch = TupleBatch(1, NAMES, [("1", "Bob", "")])
    assert together(mapper, batch, ["1"], [0]) == {0: {name: "BOB"}}
    assert by_itself(mapper, batch)[0].fields == {name: "BOB"}


def test_where_profiles_are_made_a_field_that_is_the_key_is_looked_at() -> None:
    vendor = Communifire(ACCESS)
    vendor.choose_mode("upsert")
    vendor.identifier_fields = True
    mapper = mapper_of(vendor, {"Email": "one"}, key_type="Username")
    batch = TupleBatch(1, NAMES, [("ada", "ada@example.com", "")])
    assert together(mapper, batch, ["ada"], [0]) == {0: {"Email": "ada@example.com"}}
    assert not vendor.checks_names_alone(["Username"], "Username")


@pytest.mark.parametrize(
    "options",
    [
        {"version": "one"},
        {"match": {"nick": "one"}},
        {"relationships": {"$owner": {"add": "one"}}},
    ],
)
def test_mappings_of_more_than_fields_are_left_to_a_look_at_each(options: dict[str, Any]) -> None:
    mapper = Mapper(Lightfield(ACCESS), FieldMapping(key="id", fields={"$name": "two"}, **options))
    mapper.know(Catalogue())
    assert mapper.of_batches is None


def test_what_the_vendor_is_still_to_be_asked_is_not_known_of_many_either() -> None:
    mapper = Mapper(Lightfield(ACCESS), FieldMapping(key="id", fields={"$name": "one"}))
    assert mapper.of_batches is None
    mapper.know(Catalogue())
    assert mapper.of_batches is not None


@pytest.mark.parametrize("kind", ["DATETIME", "TELEPHONE", "TEXT", "EMAIL", "SINGLE_SELECT", "NUMBER"])
@given(value=st.one_of(TEXTS, NUMBERS, st.booleans()))
def test_values_of_defined_types_are_checked_to_the_same(kind: str, value: Any) -> None:
    options = [{"id": "o1", "label": "One"}] if kind == "SINGLE_SELECT" else []
    told = Catalogue({"badge": attribute({"valueType": kind, "typeConfiguration": {"options": options}})})
    vendor = Lightfield(ACCESS)
    if type(value) in vendor.sent_as_they_are("badge", told):
        assert vendor.check_field("badge", value, loose=True, catalogue=told) == value


def test_texts_are_sent_as_they_are_where_a_field_takes_texts_and_nothing_of_an_object_is() -> None:
    assert Ocamba(ACCESS).sent_as_they_are("full_name", Catalogue()) == {str}
    assert not Ocamba(ACCESS).sent_as_they_are("custom_properties", Catalogue())
    assert Acme(ACCESS).sent_as_they_are("free", Catalogue({"free": Field("any")})) == {str, bool, int}


def test_some_of_mapped_rows_are_those_that_are_wanted() -> None:
    rows = MappedRows([3, 5], {"a": ["x", "y"]})
    assert rows.only([True, True]) is rows
    assert rows.only([False, True]) == MappedRows([5], {"a": ["y"]})
