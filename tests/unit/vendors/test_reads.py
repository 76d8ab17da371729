"""A vendor whose module leaves reading out says so; equality is the vendor's, not the keyboard's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sixth_vendor.acme import Acme

from airflow_profile_provider.errors import ConfigurationError, RecordRefused
from airflow_profile_provider.vendor import Access, Catalogue, Field, FieldInfo, Held, Page, Place, same_form


@pytest.fixture
def acme() -> Acme:
    return Acme(Access("https://acme.example.com"))


def test_a_vendor_that_leaves_reading_out_refuses_it_in_plain_words(acme: Acme) -> None:
    with pytest.raises(ConfigurationError, match="profiles of Acme People cannot be read by their keys"):
        acme.read(["1"], "number", ["nick"])
    with pytest.raises(ConfigurationError, match="cannot be listed"):
        acme.read_all(None, "number", ["nick"])
    with pytest.raises(ConfigurationError, match="cannot be found by nick; they are found by no field"):
        acme.find("nick", "ada", "number")


def test_a_vendor_that_leaves_reading_out_costs_nothing_and_gives_nothing_back(acme: Acme) -> None:
    assert (acme.read_batch, acme.page_size, acme.matchable) == (0, 0, {})
    assert acme.readable_key_types == ()
    assert acme.unreadable(["nick", "age"]) == {"nick", "age"}


def test_fields_are_told_from_the_documentation_and_the_catalogue(acme: Acme) -> None:
    told = Catalogue({"badge color": Field(label="Badge", type="select", options=(("1", "red"),))})
    assert acme.field_infos(told) == (
        FieldInfo("nick", "nick", "string", {}, False, False),
        FieldInfo("age", "age", "number", {}, False, False),
        FieldInfo("badge color", "Badge", "select", {"1": "red"}, False, False),
    )


def test_what_is_held_shows_neither_key_nor_values() -> None:
    page = Page((Held("ada@example.com", {"nick": "ada"}),), None)
    assert "ada" not in f"{page!r} {page.held[0] if page.held else ''!r}"


@pytest.mark.parametrize(
    ("form", "sent", "held"),
    [
        ("", "Ada ", "Ada"),
        ("", ["Ada "], ["Ada"]),
        ("", 5, "5.0"),
        ("", None, ""),
        ("", {"a": 1, "b": None}, {"a": "1"}),
        ("", "e\u0301", "\u00e9"),
        ("email", "Ada@Example.com ", "ada@example.com"),
        ("email", ["Ada@Example.com"], ["ada@example.com"]),
        ("phone", "+49 (658) 245-68", "+4965824568"),
        ("phone", "0049 658 24568", "+4965824568"),
        ("phone", "+1 415 555 0100 x12", "+14155550100;ext=12"),
        ("unordered", ["b", "a", "a"], ["a", "b"]),
    ],
)
def test_another_spelling_is_the_same(form: str, sent: Any, held: Any) -> None:
    assert same_form(form, sent, held)


@pytest.mark.parametrize(
    ("form", "sent", "held"),
    [
        ("", "Ada", "ada"),
        ("", "007", "7"),
        ("", ["a", "b"], ["b", "a"]),
        ("", "Ada", None),
        ("", None, "Ada"),
        ("", False, None),
        ("email", "ada@example.com", "ida@example.com"),
        ("phone", "+4965824568", "+4965824569"),
        ("phone", "+14155550100", "+14155550100;ext=12"),
        ("phone", "call me", "call  me"),
        ("unordered", ["a"], ["a", "b"]),
        ("unordered", "a", ["a", "b"]),
    ],
)
def test_another_value_is_not(form: str, sent: Any, held: Any) -> None:
    assert not same_form(form, sent, held)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(form=st.sampled_from(["", "email", "phone", "unordered", "another"]), sent=ANYTHING, held=ANYTHING)
def test_any_value_can_be_compared(form: str, sent: Any, held: Any) -> None:
    assert same_form(form, sent, held) == same_form(form, held, sent)


# -- how far a list has been read ---------------------------------------------------------------------------


def test_a_cursor_is_a_text_that_leads_back_to_its_place() -> None:
    place = Place().after(["a", "b"], "Acme")
    assert place is not None
    assert (place.page, place.seen) == (1, 2)
    assert Place.of(place.cursor) == place
    assert Place.of(None) == Place()


@pytest.mark.parametrize("cursor", ["", "{}", "[1]", "7", "[null, 0, 0, 0, 0]", '["a", 0, 0, 0, ""]'])
def test_a_cursor_of_another_version_is_refused(cursor: str) -> None:
    with pytest.raises(ConfigurationError, match="start anew"):
        Place.of(cursor)


def test_a_list_that_shows_one_page_for_ever_is_refused() -> None:
    place: Place | None = Place()
    with pytest.raises(RecordRefused, match="Acme shows the same page"):
        for _ in range(10):
            assert place is not None
            place = place.after(["a"], "Acme")


def test_a_page_without_anybody_is_the_end() -> None:
    assert Place(7, 70).after([], "Acme") is None
