"""Values keep what they mean on their way into a request, or are refused: numbers, types, nulls inside."""

from __future__ import annotations

import json
import struct
import time
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.errors import InvalidRecord
from airflow_profile_provider.mapping.versions import version_of
from airflow_profile_provider.sources.parquet import values_of
from airflow_profile_provider.values import (
    LongNumber,
    Single,
    alike,
    exact_key,
    exact_number,
    holds_null,
    integer,
    is_null,
    number_text,
    plain,
    read_as,
    read_json,
    same,
    single,
    unwrapped,
    without_nulls,
)

numbers = st.one_of(
    st.integers(-(2**53) + 1, 2**53 - 1),
    st.floats(-9e15, 9e15).filter(lambda number: number == 0 or abs(number) > 1e-60),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=8),
)


# -- numbers as text (case 4) -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3585550123.0, "3585550123"),
        (Decimal("3585550123.0"), "3585550123"),
        (1e15, "1000000000000000"),
        (1e-7, "0.0000001"),
        (-0.0, "0"),
        (1.5, "1.5"),
        (Decimal("1.50"), "1.50"),
        (Decimal("5.00"), "5"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("12345678901234567.89"), "12345678901234567.89"),
        (10**300, "1" + "0" * 300),
        (Single(0.1), "0.1"),
    ],
)
def test_a_number_goes_out_as_people_write_it(value: Any, text: str) -> None:
    """Case 4a and its like."""
    assert number_text(value) == text


@given(numbers)
def test_no_number_gets_a_point_zero_an_exponent_or_another_value(value: Any) -> None:
    text = number_text(value)
    assert Decimal(text) == Decimal(repr(value) if isinstance(value, float) else value)
    assert not text.endswith(".0")
    assert not set(text) - set("-0123456789.")


@pytest.mark.parametrize(
    "value",
    [2.0**53, 1e300, float("inf"), Single(2**24), Decimal("7E9999999"), Decimal("1E-9999999"), 10**5000],
    ids=["2**53", "1e300", "inf", "single", "huge", "tiny", "long"],
)
def test_a_number_that_may_have_lost_digits_is_invalid_at_once(value: Any) -> None:
    """Cases 4 and 8a: as for keys."""
    began = time.monotonic()
    with pytest.raises(InvalidRecord):
        number_text(value)
    if not isinstance(value, int):
        with pytest.raises(InvalidRecord):
            plain(value)
    assert time.monotonic() - began < 5


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_number_of_single_precision_keeps_its_own_digits(value: float) -> None:
    found = single(value)
    assert found is not None
    assert struct.pack("f", found) == struct.pack("f", value)
    assert len(repr(float(found)).split("e")[0].strip("-0.").replace(".", "")) <= 9 or abs(value) >= 2**24


# -- JSON text keeps its digits (case 4b) -------------------------------------------------------------------


@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})\.[0-9]{1,30}([eE][+-]?[0-9]{1,3})?", fullmatch=True))
def test_a_number_of_json_text_is_read_exactly(text: str) -> None:
    """Case 4b: as a float where a float stands for it alone, else with every digit."""
    found = read_json(text)
    exact = Decimal(text)
    assert Decimal(repr(found) if isinstance(found, float) else found) == exact
    try:
        sent = plain([found])[0]
    except InvalidRecord:
        return
    assert Decimal(json.dumps(sent)) == exact


def test_what_floats_keep_is_read_and_sent_as_ever() -> None:
    """So that no fingerprint changes."""
    text = '{"a": 1.5, "b": 1e3, "c": 5.0, "d": 7, "e": 60.16985569999999, "f": 1e-7}'
    assert json.dumps(plain(read_json(text))) == json.dumps(json.loads(text))


@pytest.mark.parametrize(
    "text", ["12345678901234567.89", "0.12345678901234567890", "1e400", "9007199254740993.0"]
)
def test_a_number_that_no_float_keeps_is_text_with_its_digits_or_invalid(text: str) -> None:
    found = read_json(text)
    assert isinstance(found, LongNumber)
    with pytest.raises(InvalidRecord):
        exact_number(Decimal(text)) if text.startswith(("1234", "0.")) else plain(float(text))
    assert text == "1e400" or number_text(found) in text


def test_an_exponent_beyond_all_bounds_is_no_json() -> None:
    with pytest.raises(ValueError, match="exponent"):
        read_json("1e99999999999999999999")


# -- one column, one treatment (case 21d) -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["string", "any"])
@pytest.mark.parametrize("places", [0, 2])
def test_the_values_of_one_decimal_column_are_of_one_type(kind: str, places: int) -> None:
    """Case 21d: numeric(10,2) 1.25 and 5.00 are both text, numeric(10) 1 and 5 both numbers."""
    column = [Decimal(text).quantize(Decimal(1).scaleb(-places)) for text in ("1.25", "5.00", "0", "-3")]
    found = {type(plain(read_as(kind, value))) for value in column}
    assert len(found) == 1


# -- read as the type that the field has (case 7) -----------------------------------------------------------


@pytest.mark.parametrize(
    "value", [1, 1.0, Decimal(1), "1", "1.0", "t", "TRUE", " yes ", "Y", "on", True, b"\1"]
)
def test_what_a_table_has_for_true_is_true(value: Any) -> None:
    """Case 7a: SQLite and MySQL have no boolean."""
    assert read_as("boolean", value) is True


@pytest.mark.parametrize(
    "value", [0, 0.0, Decimal("0.0"), "0", "0.0", "f", "False", "n", "off", False, b"\0"]
)
def test_what_a_table_has_for_false_is_false(value: Any) -> None:
    assert read_as("boolean", value) is False


@pytest.mark.parametrize("value", ["maybe", "2", ""])
def test_what_is_no_boolean_is_not_taken_for_one(value: str) -> None:
    with pytest.raises(InvalidRecord, match="true or false"):
        read_as("boolean", value)


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        ("string[]", '["a", "b"]', ["a", "b"]),
        ("string[]", "a", ["a"]),
        ("string[]", ["a", 5, Decimal("7.0")], ["a", "5", "7"]),
        ("string[]", ("a",), ["a"]),
        ("string[]", 1000102, ["1000102"]),
        ("string or string[]", '["a", "b"]', ["a", "b"]),
        ("string or string[]", "a", "a"),
        ("object", '{"a": 1.5}', {"a": 1.5}),
        ("object", [("a", 1)], {"a": 1}),
        ("object", {"a": 1}, {"a": 1}),
        ("number", "7", 7),
        ("number", " 1.25 ", Decimal("1.25")),
        ("number", "1e2", 100),
        ("string", 17, "17"),
        ("string", Decimal("5.00"), "5"),
        ("string", 5.0, "5"),
        ("string", "[1]", "[1]"),
        ("any", "[1]", "[1]"),
    ],
)
def test_a_value_is_read_as_the_kind_of_its_field(kind: str, value: Any, found: Any) -> None:
    assert read_as(kind, value) == found


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("string[]", "[a, b]"),
        ("string[]", "{a,b}"),
        ("object", "{"),
        ("object", [("a", 1), ("a", 2)]),
        ("number", "1_000"),
        ("number", "NaN"),
        ("number", "٣"),
        ("number", "7E9999999"),
        ("number", "9" * 100_000),
        ("object", "[" * 100_000),
        ("string[]", "[" * 100_000),
    ],
)
def test_what_the_kind_does_not_hold_is_invalid_at_once(kind: str, value: Any) -> None:
    """Cases 7 and 8a."""
    began = time.monotonic()
    with pytest.raises(InvalidRecord):
        read_as(kind, value)
    assert time.monotonic() - began < 5


# -- bounds (case 8a) ---------------------------------------------------------------------------------------


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_nesting_has_a_bound() -> None:
    assert plain(nested(50)) == nested(50)
    with pytest.raises(InvalidRecord, match="nested"):
        plain(nested(51))
    with pytest.raises(InvalidRecord, match="nested"):
        plain(nested(100_000))


@pytest.mark.parametrize("value", [Decimal("7E9999999"), Decimal("7E-9999999"), Decimal("0E9999999")])
def test_a_key_is_never_computed_from_a_huge_exponent(value: Decimal) -> None:
    began = time.monotonic()
    with pytest.raises(InvalidRecord):
        exact_key(value)
    assert time.monotonic() - began < 5


# -- whole numbers of any type (case 9a) --------------------------------------------------------------------


@pytest.mark.parametrize("value", [7, Decimal(7), Decimal("7.00"), 7.0, "7", " 7 ", "+7"])
def test_a_whole_number_of_any_type_is_an_integer(value: Any) -> None:
    """Case 9a."""
    assert integer(value) == 7


@pytest.mark.parametrize("value", [7.5, Decimal("7.5"), "7.5", True, None, "x", [7], "", float("nan")])
def test_what_is_no_whole_number_is_none(value: Any) -> None:
    assert integer(value) is None


@pytest.mark.parametrize("value", [2.0**53, "9" * 5000, Decimal("7E9999999")], ids=["float", "long", "huge"])
def test_a_whole_number_that_is_uncertain_or_endless_is_invalid(value: Any) -> None:
    with pytest.raises(InvalidRecord):
        integer(value)


# -- nulls inside (case 13f) --------------------------------------------------------------------------------


def test_nulls_inside_are_found_and_left_out() -> None:
    assert holds_null({"a": {"b": [{"c": None}]}})
    assert not holds_null({"a": {}, "b": [""]})
    assert without_nulls({"a": None, "b": {"c": None, "d": 1}}) == {"b": {"d": 1}}
    assert without_nulls({"a": None, "b": {"c": None}}) is None
    assert without_nulls({}) == {}
    with pytest.raises(InvalidRecord, match="array"):
        without_nulls({"a": ["x", None]})


def test_a_signalling_nan_is_null() -> None:
    assert is_null(Decimal("sNaN"))


# -- what came back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "held"),
    [
        (5, 5.0),
        (5, "5"),
        ("5", 5.0),
        ("5.00", "5"),
        (Decimal("1.50"), 1.5),
        ([5, "a"], ["5", "a"]),
        ({"a": 5.0}, {"a": 5}),
        (None, ""),
        ([], None),
        (True, "true"),
        (1e3, 1000),
    ],
)
def test_equal_numbers_are_equal_in_an_answer(sent: Any, held: Any) -> None:
    """Case 4: 5, 5.0 and "5" are one."""
    assert same(sent, held)
    assert same(held, sent)


@pytest.mark.parametrize(
    ("sent", "held"), [("007", "7"), ("a", "b"), (5, 6), (True, 1), (["a"], ["b"]), ("x", None), (0, None)]
)
def test_other_values_are_not(sent: Any, held: Any) -> None:
    assert not same(sent, held)
    assert not alike(sent, held)


@pytest.mark.parametrize(
    ("sent", "held"), [("Ada", " ada "), (["b", "a"], ["a", "b"]), ("a", ["a"]), ("A  b", "a b")]
)
def test_another_form_of_a_value_is_alike(sent: Any, held: Any) -> None:
    assert alike(sent, held)
    assert not same(sent, held)


def test_an_answer_may_be_nested_as_it_likes() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    assert not same("x", deep)
    assert not alike("x", deep)


# -- numpy and pandas, where they are -----------------------------------------------------------------------


def test_numpy_scalars_and_arrays_become_pythons_own() -> None:
    np = pytest.importorskip("numpy")
    assert unwrapped(np.bool_(True)) is True
    assert number_text(unwrapped(np.float32(0.1))) == "0.1"
    assert number_text(unwrapped(np.float64(3585550123.0))) == "3585550123"
    assert plain({"a": np.array([1, 2])}) == {"a": [1, 2]}
    assert integer(np.int64(7)) == 7
    assert read_as("boolean", np.int64(0)) is False
    with pytest.raises(InvalidRecord):
        exact_key(np.bool_(True))


def test_a_moment_of_numpy_is_never_an_integer_of_nanoseconds() -> None:
    np = pytest.importorskip("numpy")
    assert plain(np.datetime64("2021-06-09T03:02:37.000000000")) == "2021-06-09T03:02:37"
    assert plain(np.datetime64("2021-06-09")) == "2021-06-09"
    assert plain(np.datetime64("NaT")) is None
    for never in (np.datetime64(2**62, "s"), np.datetime64(10**10, "D")):
        with pytest.raises(InvalidRecord, match="years 1 to 9999"):
            plain(never)
    with pytest.raises(InvalidRecord, match="duration"):
        plain(np.timedelta64(5, "ns"))


def test_nanoseconds_are_cut_to_microseconds_whoever_holds_them() -> None:
    """Case 3b: a moment of numpy, of pandas and of Parquet leaves alike."""
    np, pd, pa = (pytest.importorskip(name) for name in ("numpy", "pandas", "pyarrow"))
    text = "2021-06-09T03:02:37.123456789"
    of_parquet = values_of(pa.array([pd.Timestamp(text)], pa.timestamp("ns")))[0][0]
    for moment in (np.datetime64(text), pd.Timestamp(text), of_parquet):
        assert plain(moment) == version_of(moment) == "2021-06-09T03:02:37.123456"
    assert plain(pd.Timestamp(text, tz="Europe/Paris")) == "2021-06-09T03:02:37.123456+02:00"


def test_nat_and_na_inside_are_null() -> None:
    pd = pytest.importorskip("pandas")
    assert plain([pd.NaT, pd.NA, float("nan")]) == [None, None, None]


# -- everything else ----------------------------------------------------------------------------------------


def test_a_set_is_written_in_one_order() -> None:
    """So that a run in which nothing changed sends nothing."""
    assert plain({"tags": {"b", "a", "c"}}) == {"tags": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (date(2020, 2, 1), "2020-02-01"),
        (datetime(2020, 2, 1, 12, tzinfo=UTC), "2020-02-01T12:00:00+00:00"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    ],
)
def test_what_json_has_no_type_for_is_text(value: Any, text: str) -> None:
    assert plain(value) == text
