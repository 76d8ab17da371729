"""From rows to batches: mapping, validation, coalescing, order."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Change, Leaver, Row
from airflow_profile_provider.vendors.agilenow import AgileNow
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.communifire import Communifire
from airflow_profile_provider.vendors.lightfield import Lightfield
from airflow_profile_provider.vendors.ocamba import Ocamba
from airflow_profile_provider.vendors.sonoran import Sonoran

ACCESS = Access("https://vendor.example.com", "login", "secret")


def plan(vendor: Vendor, content: Any, *, text: bool = False, **mapping: Any) -> Change:
    return Mapper(vendor, FieldMapping(**mapping)).change(Row(7, content, text=text))


def change_of(vendor: Vendor, fields: dict[str, Any], **more: Any) -> Change:
    return plan(vendor, {"key": "k1", "fields": fields, **more})


# -- keys -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("17430755068336100383", "17430755068336100383"),
        (17430755068336100383, "17430755068336100383"),
        (Decimal(17430755068336100383), "17430755068336100383"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        ("ada@example.com", "ada@example.com"),
    ],
)
def test_a_key_keeps_every_digit(key: Any, text: str) -> None:
    assert plan(Ocamba(ACCESS), {"key": key, "fields": {"comment": "x"}}).key == text


@pytest.mark.parametrize(
    "key", [1.0, 1.7e19, True, False, None, "", "  ", ["1"], Decimal("1.5"), float("nan"), "..", "."]
)
def test_what_cannot_name_a_profile_is_invalid(key: Any) -> None:
    with pytest.raises(InvalidRecord, match="key"):
        plan(Ocamba(ACCESS), {"key": key, "fields": {"comment": "x"}})


def test_a_key_type_that_the_vendor_does_not_have_is_invalid() -> None:
    with pytest.raises(InvalidRecord, match="accId, apiId"):
        change_of(Sonoran(ACCESS), {"f": "x"}, key_type="email")


def test_sonoran_v2_takes_only_the_account_id() -> None:
    v2 = Sonoran(Access("https://x.example.com", "c", "k", {"api": "v2"}))
    with pytest.raises(ConfigurationError, match="accId"):
        Mapper(v2, FieldMapping(key_type="username"))


# -- fields ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vendor", "fields", "words"),
    [
        (Ocamba, {}, "no fields"),
        (Ocamba, {"eighth": 1}, "no such field"),
        (Ocamba, {"email": 5}, "must be a string, not number"),
        (Ocamba, {"lists": "1"}, "must be an array of strings"),
        (Ocamba, {"lists": [[1]]}, "must be an array of strings"),
        (Ocamba, {"custom_properties": "x"}, "must be an object"),
        (Ocamba, {"email": None}, 'nulls="skip"'),
        (Ocamba, {"comment": float("inf")}, "infinity"),
        (Ocamba, {"comment": b"x"}, "bytes"),
        (AgileNow, {"LanguageId": "xx-XX"}, "19 values"),
        (AgileNow, {"Is_Active": "true"}, "must be a boolean, not string"),
        (AgileNow, {"Phone": 358}, "must be a string"),
        (AgileNow, {"EmailVerified": True}, "no such field"),
        (AgileNow, {"Id": "new"}, "no such field"),
        (Lightfield, {"$accountStatus": "x"}, "read-only"),
        (Lightfield, {"$website": "https://x.example.com"}, "array of strings"),
        (Lightfield, {"$primaryAddress": {"planet": "x"}}, "no member 'planet'"),
        (Lightfield, {"$primaryAddress": {"city": 5}}, "city of an address"),
        (Lightfield, {"founded": datetime(2020, 1, 1)}, "no offset"),
        (Lightfield, {"founded": date(2020, 1, 1)}, "no dates"),
        (Lightfield, {"score": Decimal("1.234")}, "two decimals"),
        (Communifire, {"Email": "x"}, "identifier label"),
        (Communifire, {"Skills": ["a", "b"]}, "single value"),
    ],
)
def test_a_field_that_cannot_be_sent_is_named_with_the_remedy(
    vendor: type[Vendor], fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidRecord) as caught:
        change_of(vendor(ACCESS), fields)
    assert words in str(caught.value)
    assert all(name in str(caught.value) for name in fields)


@pytest.mark.parametrize(
    ("vendor", "fields", "written"),
    [
        (
            Communifire,
            {"a": True, "b": 12, "c": 1.5, "d": Decimal("1.50")},
            {"a": "true", "b": "12", "c": "1.5", "d": "1.50"},
        ),
        (Communifire, {"Born": date(2020, 2, 1)}, {"Born": "2020-02-01"}),
        (
            Ocamba,
            {"organization_id": 1000, "lists": [1, "2"]},
            {"organization_id": "1000", "lists": ["1", "2"]},
        ),
        (
            Ocamba,
            {"custom_properties": {"n": 1, "d": date(2020, 1, 1)}},
            {"custom_properties": {"n": 1, "d": "2020-01-01"}},
        ),
        (Lightfield, {"seen": datetime(2026, 3, 16, 12, tzinfo=UTC)}, {"seen": "2026-03-16T12:00:00+00:00"}),
        (
            Lightfield,
            {"arr": Decimal("19.99"), "big": Decimal(25_000_000)},
            {"arr": 19.99, "big": 25_000_000},
        ),
        (Lightfield, {"$lastFundingType": None, "x": float("nan")}, {"$lastFundingType": None, "x": None}),
        (Sonoran, {"f": ["a", "b"], "g": Decimal("2.5")}, {"f": ["a", "b"], "g": "2.5"}),
        (Ocamba, {"comment": "{{ ds }}"}, {"comment": "{{ ds }}"}),
    ],
)
def test_values_are_written_as_the_vendor_documents(
    vendor: type[Vendor], fields: dict[str, Any], written: dict[str, Any]
) -> None:
    assert change_of(vendor(ACCESS), fields).fields == written


def test_cells_of_a_csv_are_read_to_the_fields_types() -> None:
    row = {"id": "1", "on": "true", "name": "Ada", "phone": ""}
    mapping: dict[str, Any] = {
        "key": "id",
        "fields": {"Is_Active": "on", "Name": "name", "Phone": "phone"},
        "nulls": "skip",
    }
    assert plan(AgileNow(ACCESS), row, text=True, **mapping).fields == {"Is_Active": True, "Name": "Ada"}


def test_a_cell_of_another_type_names_the_field_and_not_the_value() -> None:
    with pytest.raises(InvalidRecord, match="field Is_Active: the cell does not hold true or false"):
        plan(
            AgileNow(ACCESS),
            {"id": "1", "on": "maybe-secret"},
            text=True,
            key="id",
            fields={"Is_Active": "on"},
        )


@pytest.mark.parametrize(
    ("nulls", "fields"), [("skip", {"comment": "x"}), ("clear", {"comment": "x", "email": None})]
)
def test_nulls_does_with_null_what_it_says(nulls: str, fields: dict[str, Any]) -> None:
    content = {"key": "1", "fields": {"comment": "x", "email": None}}
    assert plan(Ocamba(ACCESS), content, nulls=nulls).fields == fields


def test_a_column_that_a_row_lacks_leaves_the_field_alone() -> None:
    assert plan(
        Ocamba(ACCESS), {"id": 1, "c": "x"}, key="id", fields={"comment": "c", "email": "e"}
    ).fields == {"comment": "x"}


def test_a_change_above_the_limit_is_invalid_and_says_how_large_it_is() -> None:
    with pytest.raises(InvalidRecord, match=r"is 50,000,\d+ bytes"):
        change_of(Ocamba(ACCESS), {"comment": "x" * 50_000_000})


def test_an_unknown_member_of_a_change_is_named() -> None:
    with pytest.raises(InvalidRecord, match="feilds"):
        plan(Ocamba(ACCESS), {"key": "1", "feilds": {}})


@pytest.mark.parametrize("version", [1.5, True, "yesterday", [1]])
def test_a_version_is_an_integer_or_an_instant(version: Any) -> None:
    with pytest.raises(InvalidRecord, match="version"):
        change_of(Ocamba(ACCESS), {"comment": "x"}, version=version)


def test_an_identifier_label_may_be_a_field_where_the_user_says_so() -> None:
    vendor = Communifire(ACCESS, identifier_fields=True)
    assert change_of(vendor, {"Email": "new@example.com"}).fields == {"Email": "new@example.com"}
    with pytest.raises(InvalidRecord, match="own key"):
        change_of(vendor, {"UserID": "2"})


# -- relationships --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "relationships",
    [
        {"$opportunity": {"add": ["opp_1"]}},
        {"$contact": {"append": ["con_1"]}},
        {"$contact": {}},
        {"$contact": {"add": [5]}},
        {"$contact": {"replace": []}},
        {"$contact": {"replace": "con_1", "add": ["con_2"]}},
        {"$contact": "con_1"},
        "con_1",
    ],
)
def test_a_relationship_that_cannot_be_written_is_invalid(relationships: Any) -> None:
    with pytest.raises(InvalidRecord, match="relationship"):
        change_of(Lightfield(ACCESS), {}, relationships=relationships)


def test_a_vendor_without_relationships_says_so() -> None:
    with pytest.raises(InvalidRecord, match="no relationships"):
        change_of(Ocamba(ACCESS), {"comment": "x"}, relationships={"$owner": {"replace": "mem_1"}})


def test_relationships_are_mapped_by_column() -> None:
    change = plan(
        Lightfield(ACCESS),
        {"id": "acc_1", "owner": None, "contacts": '["con_1", "con_2"]'},
        text=True,
        key="id",
        fields={},
        relationships={"$owner": {"replace": "owner"}, "$contact": {"add": "contacts"}},
    )
    assert change.relationships == {"$owner": {"replace": None}, "$contact": {"add": ["con_1", "con_2"]}}


# -- fields that are only set where the vendor holds nothing ----------------------------------------------


def test_what_leavers_are_set_to_replaces_what_the_vendor_holds() -> None:
    mapper = Mapper(Ocamba(ACCESS), FieldMapping(key="id", fields=["comment"], set_if_empty=("comment",)))
    assert mapper.change(Row(1, {"id": "1", "comment": "x"})).if_empty == {"comment"}
    assert not mapper.change(Row(2, Leaver(key="1", fields={"comment": "gone"}))).if_empty
