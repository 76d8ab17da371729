"""What spares a look at each value changes nothing: neither what is sent, nor what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sixth_vendor.acme import Acme

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.mapping.sizes import fits, size_of
from airflow_profile_provider.mapping.written import Writer
from airflow_profile_provider.records import Change
from airflow_profile_provider.vendors.agilenow import AgileNow
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.communifire import Communifire
from airflow_profile_provider.vendors.fields import Catalogue, Field
from airflow_profile_provider.vendors.lightfield import Lightfield
from airflow_profile_provider.vendors.ocamba import Ocamba
from airflow_profile_provider.vendors.sonoran import Sonoran

ACCESS = Access("https://vendor.example.com", "login", "secret")
VENDORS = [AgileNow, Communifire, Lightfield, Ocamba, Sonoran, Acme]
VALUES = st.one_of(st.text(), st.booleans(), st.integers(), st.floats(), st.lists(st.text(), max_size=2))
FIELDS = st.dictionaries(st.text(min_size=1), st.one_of(VALUES, st.none()), max_size=4)


@pytest.mark.parametrize("kind", ["any", "string", "boolean", "number", "string[]", "object"])
@pytest.mark.parametrize("vendor", VENDORS)
@given(value=VALUES, loose=st.booleans())
def test_a_value_that_is_sent_as_it_is_would_have_been_checked_to_the_same(
    vendor: type[Vendor], kind: str, value: Any, loose: bool
) -> None:
    asked, told = vendor(ACCESS), Catalogue({"badge": Field(kind)})
    for name in ("badge", *asked.fields):
        if type(value) in asked.sent_as_they_are(name, told):
            taken = asked.check_field(name, value, loose=loose, catalogue=told)
            assert (type(taken), taken) == (type(value), value)


def test_most_values_of_most_records_are_sent_as_they_are() -> None:
    asked = AgileNow(ACCESS)
    assert asked.sent_as_they_are("FirstName", Catalogue()) == {str}
    assert asked.sent_as_they_are("Is_Active", Catalogue()) == {bool}


@pytest.mark.parametrize("name", ["LanguageId", "no such field"])
def test_a_field_of_listed_values_and_one_that_is_not_there_are_always_looked_at(name: str) -> None:
    assert not AgileNow(ACCESS).sent_as_they_are(name, Catalogue({"badge": Field("string")}))


def test_what_a_catalogue_tells_counts_from_then_on() -> None:
    writer = Writer(Acme(ACCESS), "skip", (), Catalogue())
    assert writer.written({"badge": True}, text=False, loose=False) == {"badge": True}
    writer.catalogue = Catalogue({"badge": Field("string")})
    with pytest.raises(InvalidRecord, match="must be a string"):
        writer.written({"badge": True}, text=False, loose=False)


@given(key=st.text(min_size=1), fields=FIELDS, most=st.integers(0, 2000))
def test_what_fits_without_being_written_is_no_larger(key: str, fields: dict[str, Any], most: int) -> None:
    change = Change(key, fields, "Id")
    if fits(change, most):
        assert size_of(change) <= most


def test_a_record_of_a_few_texts_need_not_be_written_to_know_that_it_fits() -> None:
    assert fits(Change("17", {"FirstName": "Ada", "Is_Active": True, "Phone": None}, "Id"), 1000)


def test_control_characters_count_as_what_json_makes_of_them() -> None:
    change = Change("17", {"FirstName": "\0" * 100}, "Id")
    assert not fits(change, 600)
