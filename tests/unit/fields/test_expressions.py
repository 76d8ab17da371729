"""What an expression makes of a row: the value that is meant, or a refusal that names column and remedy."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
import json
import pickle
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.fields import (
    Expression,
    const,
    first_of,
    from_json,
    hashed,
    joined,
    lookup,
)
from airflow_profile_provider.fields.written import columns

CANARY = "canary-of-a-profile"


def value_of(of: Expression, row: dict[str, Any], **how: Any) -> Any:
    """The value for a row; `...` where the row says nothing of the field."""
    fields: dict[str, Any] = {}
    of.add_to(fields, "Field", row, **how)
    return fields.get("Field", ...)


def text_hash(text: str, algorithm: str = "sha256") -> str:
    return hashlib.new(algorithm, text.encode()).hexdigest()


MADE: list[tuple[Expression, dict[str, Any], Any]] = [
    (const(False), {}, False),
    (const(None), {"a": 1}, None),
    (const({"a": [1, "x"]}), {}, {"a": [1, "x"]}),
    (const(dt.date(2026, 1, 31)), {}, "2026-01-31"),
    (const(Decimal("1.50")), {}, "1.50"),
    (from_json("a"), {"a": '["x", "y"]'}, ["x", "y"]),
    (from_json("a"), {"a": b'{"x": 1}'}, {"x": 1}),
    (from_json("a"), {"a": "17430755068736100383"}, 17430755068736100383),
    (from_json("a"), {"a": "0.1000000000000000000001"}, Decimal("0.1000000000000000000001")),
    (from_json("a"), {"a": ["x"]}, ["x"]),
    (from_json("a"), {"a": "null"}, None),
    (from_json("a"), {"a": None}, None),
    (from_json("a"), {"a": float("nan")}, None),
    (from_json("a"), {"b": "1"}, ...),
    (joined("{} {}", "a", "b"), {"a": "Ada", "b": "King"}, "Ada King"),
    (joined("{1}, {0}", "a", "b"), {"a": "Ada", "b": "King"}, "King, Ada"),
    (joined("{b} ({a})", "a", "b"), {"a": "Ada", "b": "King"}, "King (Ada)"),
    (joined("{}", "a"), {"a": Decimal("1.50")}, "1.50"),
    (joined("{}", "a"), {"a": 0.1}, "0.1"),
    (joined("{}", "a"), {"a": 17430755068736100383}, "17430755068736100383"),
    (joined("{}", "a"), {"a": True}, "true"),
    (joined("{}", "a"), {"a": dt.date(2026, 1, 31)}, "2026-01-31"),
    (joined("{}", "a"), {"a": uuid.UUID(int=5)}, "00000000-0000-0000-0000-000000000005"),
    (joined("{}", "a"), {"a": "{b}"}, "{b}"),
    (joined("{} {}", "a", "b"), {"a": "Ada", "b": None}, None),
    (joined("{} {}", "a", "b"), {"a": "Ada", "b": ""}, "Ada "),
    (joined("{} {}", "a", "b"), {"c": 1}, ...),
    (lookup("a", {"de": 1, "en": 2}), {"a": "en"}, 2),
    (lookup("a", {1: "one"}), {"a": "1"}, "one"),
    (lookup("a", {"1": "one"}), {"a": 1}, "one"),
    (lookup("a", {1.5: "x"}), {"a": Decimal("1.50")}, "x"),
    (lookup("a", {True: "yes", False: "no"}), {"a": 0}, "no"),
    (lookup("a", {True: "yes", False: "no"}), {"a": "t"}, "yes"),
    (lookup("a", {"de": 1}, default=0), {"a": "fr"}, 0),
    (lookup("a", {"de": 1}, default=None), {"a": "fr"}, None),
    (lookup("a", {"de": 1}, default=0), {"a": None}, None),
    (lookup("a", {"de": 1, None: 9}), {"a": None}, 9),
    (lookup("a", {"de": 1}), {}, ...),
    (hashed("a"), {"a": "x"}, text_hash("x")),
    (hashed("a", "md5"), {"a": "ä"}, text_hash("ä", "md5")),
    (hashed("a"), {"a": 17430755068736100383}, text_hash("17430755068736100383")),
    (hashed("a"), {"a": None}, None),
    (hashed("a"), {}, ...),
    (hashed("a", normalize="email"), {"a": " Ada@Example.com "}, text_hash("ada@example.com")),
    (hashed("a", normalize="phone"), {"a": "+49 (0)171 / 123-4567"}, text_hash("+491711234567")),
    (hashed("a", normalize="phone"), {"a": "0049 171 1234567"}, text_hash("+491711234567")),
    (hashed("a", normalize="phone"), {"a": "(555) 010-0199"}, text_hash("5550100199")),
    (first_of("a", "b"), {"a": None, "b": "x"}, "x"),
    (first_of("a", "b"), {"b": "x"}, "x"),
    (first_of("a", "b"), {"a": "", "b": "x"}, "x"),
    (first_of("a", "b"), {"a": "", "b": None}, ""),
    (first_of("a", "b"), {"a": 0, "b": 1}, 0),
    (first_of("a", "b"), {"a": None, "b": None}, None),
    (first_of("a", "b"), {}, ...),
]


@pytest.mark.parametrize(("of", "row", "value"), MADE)
def test_a_value_is_made_as_it_is_meant(of: Expression, row: dict[str, Any], value: Any) -> None:
    found = value_of(of, row)
    assert (found, type(found) is bool) == (value, type(value) is bool)


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (from_json("a"), None),
        (joined("{} x", "a"), None),
        (lookup("a", {"": 1}), None),
        (hashed("a"), None),
        (first_of("a", "b"), "x"),
        (const(""), ""),
    ],
)
def test_an_empty_cell_of_a_source_without_types_is_null(of: Expression, value: Any) -> None:
    assert value_of(of, {"a": "", "b": "x"}, text=True) == value


REFUSED: list[tuple[Expression, dict[str, Any], str]] = [
    (from_json("a"), {"a": f"[{CANARY}"}, "column a holds text that is not JSON"),
    (from_json("a"), {"a": ""}, "column a holds text that is not JSON"),
    (from_json("a"), {"a": "[NaN]"}, "column a holds text that is not JSON"),
    (from_json("a"), {"a": '{"x": 1, "x": 2}'}, "column a holds text that is not JSON"),
    (from_json("a"), {"a": b"\xff\xfe\xff"}, "column a holds text that is not JSON"),
    (from_json("a"), {"a": "[" * 100_000}, "column a holds text that is not JSON"),
    (joined("{}", "a"), {"a": {"b": CANARY}}, "column a holds an object, not text: write it as text"),
    (joined("{}", "a"), {"a": 1e300}, "column a: is a float so large"),
    (joined("{}", "a"), {"a": object()}, "column a: a value of type object"),
    (joined("{} {}", "a", "b"), {"a": CANARY}, "column b is missing: joined needs all of its columns"),
    (lookup("a", {"de": 1, "en": 2}), {"a": CANARY}, "column a .* none of the 2 .* add it .* default"),
    (lookup("a", {"de": 1}), {"a": ["de"]}, "column a holds an array, not text"),
    (lookup("a", {True: 1, False: 2}), {"a": CANARY}, "column a: the cell does not hold true or false"),
    (hashed("a"), {"a": [CANARY]}, "column a holds an array, not text"),
    (hashed("a"), {"a": "\ud800"}, "column a holds half of a surrogate pair"),
    (hashed("a", normalize="email"), {"a": CANARY}, "column a holds no e-mail address: correct it"),
    (hashed("a", normalize="phone"), {"a": CANARY}, "column a holds no telephone number: correct it"),
    (hashed("a", normalize="phone"), {"a": "٠١٢٣٤٥٦"}, "column a holds no telephone number: correct it"),
]


@pytest.mark.parametrize(("of", "row", "why"), REFUSED)
def test_what_makes_no_value_is_refused_by_column_and_remedy(
    of: Expression, row: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidRecord, match=f"field Field: {why}") as refused:
        value_of(of, row)
    assert CANARY not in str(refused.value)


def test_a_value_whose_own_methods_raise_is_refused() -> None:
    class Broken:
        def __ne__(self, other: object) -> bool:
            raise RuntimeError(CANARY)

        @property
        def shape(self) -> Any:
            raise RuntimeError(CANARY)

        def tolist(self) -> Any:
            raise RuntimeError(CANARY)

    with pytest.raises(InvalidRecord, match=r"joined cannot read its columns \(RuntimeError\); convert"):
        value_of(joined("{}", "a"), {"a": Broken()})


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: const(object()), "const has a value that cannot be sent: a value of type object"),
        (lambda: const(float("nan")), "write None for null"),
        (lambda: from_json(3), "from_json takes names of columns, as text, and not int"),  # type: ignore[arg-type]
        (lambda: from_json(""), "not empty text"),
        (lambda: joined("{} {}", "a"), "a place without a column"),
        (lambda: joined("{}", "a", "b"), "a column without a place"),
        (lambda: joined("{c}", "a"), "a place without a column"),
        (lambda: joined("x", "a"), "a column without a place"),
        (lambda: joined("{:>8}", "a"), "without a format"),
        (lambda: joined("{!r}", "a"), "without a format"),
        (lambda: joined("{a.b}", "a"), "a place without a column"),
        (lambda: joined("{", "a"), "a brace that is no place"),
        (lambda: joined(3, "a"), "takes a template first"),  # type: ignore[arg-type]
        (lambda: lookup("a", {}), "needs its table"),
        (lambda: lookup("a", {1: "x", "1": "y"}), "two keys that are the same text"),
        (lambda: lookup("a", {"x": object()}), "lookup has a value that cannot be sent"),
        (lambda: lookup("a", {(1, 2): "x"}), "a key of type tuple"),
        (lambda: hashed("a", "rot13"), "algorithm of hashed must be one of"),
        (lambda: hashed("a", "shake_128"), "algorithm of hashed must be one of"),
        (lambda: hashed("a", normalize="name"), "normalize of hashed must be one of email, phone"),  # type: ignore[arg-type]
        (lambda: first_of(), "first_of needs the names of columns"),
        (lambda: first_of("a", None), "and not NoneType"),  # type: ignore[arg-type]
    ],
)
def test_what_can_mean_nothing_is_refused_when_it_is_made(make: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        make()


EACH: list[tuple[Expression, str]] = [
    (const(CANARY), "const(…)"),
    (const(True), "const(True)"),
    (const(None), "const(None)"),
    (const([CANARY]), "const(…)"),
    (from_json("a"), "from_json('a')"),
    (joined("{} {}", "a", "b"), "joined('{} {}', 'a', 'b')"),
    (lookup("a", {CANARY: CANARY}), "lookup('a', {1 value})"),
    (lookup("a", {"x": 1, "y": 2}, default=CANARY), "lookup('a', {2 values}, default=…)"),
    (hashed("a"), "hashed('a')"),
    (hashed("a", "sha512", normalize="email"), "hashed('a', 'sha512', normalize='email')"),
    (first_of("a", "b"), "first_of('a', 'b')"),
]


@pytest.mark.parametrize(("of", "shown"), EACH)
def test_its_repr_can_be_read_and_shows_no_value(of: Expression, shown: str) -> None:
    assert repr(of) == str(of) == shown


@pytest.mark.parametrize("of", [of for of, _ in EACH])
def test_it_is_the_same_after_it_was_copied_or_pickled(of: Expression) -> None:
    for again in (pickle.loads(pickle.dumps(of)), copy.deepcopy(of), copy.copy(of)):
        assert again == of
        assert hash(again) == hash(of)
        assert again.spelt == of.spelt


def test_two_with_other_values_are_not_equal() -> None:
    assert len({const(1), const(True), const("1"), const([1]), const(1), from_json("a"), first_of("a")}) == 6
    assert lookup("a", {"x": 1}) != lookup("a", {"x": 2})
    assert lookup("a", {"x": 1}) != lookup("a", {"x": 1}, default=None)


def test_it_is_frozen() -> None:
    table = {"de": 1}
    of = lookup("a", table)
    table["fr"] = 2
    with pytest.raises(AttributeError):
        of.column = "b"  # type: ignore[attr-defined]
    with pytest.raises(InvalidRecord):
        value_of(of, {"a": "fr"})


# -- as JSON ----------------------------------------------------------------------------------------------

WRITTEN: list[tuple[Any, Expression]] = [
    ({"const": None}, const(None)),
    ({"const": ["a"]}, const(["a"])),
    ({"from_json": "a"}, from_json("a")),
    ({"joined": ["{} {}", "a", "b"]}, joined("{} {}", "a", "b")),
    ({"lookup": ["a", {"1": "x"}]}, lookup("a", {1: "x"})),
    ({"lookup": {"column": "a", "values": {"de": 1}, "default": None}}, lookup("a", {"de": 1}, default=None)),
    ({"hashed": {"column": "a", "normalize": "email"}}, hashed("a", normalize="email")),
    ({"first_of": ["a", "b"]}, first_of("a", "b")),
]


@pytest.mark.parametrize(("given_as", "of"), WRITTEN)
def test_it_may_be_given_as_json(given_as: Any, of: Expression) -> None:
    assert columns("fields", {"F": given_as, "G": "g"}) == {"F": of, "G": "g"}
    assert columns("fields", json.dumps({"F": given_as})) == {"F": of}


@pytest.mark.parametrize(
    ("given_as", "why"),
    [
        ({"F": {"call": "os.system"}}, "fields holds an object that is no expression: write one member"),
        ({"F": {}}, "fields holds an object that is no expression"),
        ({"F": {"hashed": {"colum": "a"}}}, "fields: hashed does not take these arguments"),
        ({"F": str.upper}, "fields must map each field to a column or to an expression .* not to method"),
        ({"F": lambda row: row}, "not to function"),
        ({"F": 3.0}, "fields must name fields and columns as text"),
    ],
)
def test_what_is_neither_column_nor_expression_is_refused(given_as: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        columns("fields", given_as)


# -- whatever the values ------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
EXACT = (
    st.text() | st.integers() | st.decimals(allow_nan=False, places=3, min_value=-(10**12), max_value=10**12)
)


@given(JSON)
def test_json_arrives_as_it_was_written(value: Any) -> None:
    assert value_of(from_json("a"), {"a": json.dumps(value)}) == value


@given(st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9))
def test_a_number_in_json_keeps_its_digits(number: Decimal) -> None:
    found = value_of(from_json("a"), {"a": format(number, "f")})
    assert (Decimal(repr(found)) if isinstance(found, float) else Decimal(found)) == number


@given(st.text())
def test_text_is_read_as_json_or_refused(text: str) -> None:
    try:
        expected = json.loads(text, parse_constant=lambda _: 1 / 0)
    except (ValueError, ZeroDivisionError):
        with pytest.raises(InvalidRecord, match="column a"):
            value_of(from_json("a"), {"a": text})
    else:
        assert value_of(from_json("a"), {"a": text}) == expected


@given(st.lists(EXACT, min_size=1, max_size=4))
def test_each_joined_value_can_be_told_from_the_text(values: list[Any]) -> None:
    """Between marks that no value has, all of them are there, digit by digit."""
    row = {f"c{place}": value for place, value in enumerate(values)}
    if any("\x1f" in str(value) for value in values):
        return
    found = value_of(joined("\x1f".join("{}" for _ in row), *row), row).split("\x1f")
    for text, value in zip(found, values, strict=True):
        assert text == value if isinstance(value, str) else Decimal(text) == value


@given(st.dictionaries(EXACT, JSON, min_size=1, max_size=5), EXACT)
def test_a_lookup_finds_what_is_in_its_table_and_nothing_else(table: dict[Any, Any], wanted: Any) -> None:
    try:
        of = lookup("a", table)
    except ConfigurationError as error:
        assert "same text" in str(error)
        return
    for key, value in table.items():
        assert value_of(of, {"a": key}) == value
    if not {wanted, str(wanted)} & {*table, *map(str, table)} and not isinstance(wanted, Decimal):
        with pytest.raises(InvalidRecord, match="none of the"):
            value_of(of, {"a": wanted})


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_the_hash_is_that_of_the_text(text: str) -> None:
    assert value_of(hashed("a"), {"a": text}) == text_hash(text)


@given(st.lists(st.none() | EXACT, min_size=1, max_size=4))
def test_the_first_that_holds_something_is_taken(values: list[Any]) -> None:
    row = {f"c{place}": value for place, value in enumerate(values)}
    expected = [value for value in values if value not in (None, "")] or [v for v in values if v is not None]
    assert value_of(first_of(*row), row) == (expected[0] if expected else None)
