"""Expressions: what a field of the vendor is made of, where that is not one column as it stands.

They are values, not code: each can be compared, copied, pickled and stored with a DAG, and makes equal values
of equal rows. ``fields={"<vendor field>": <column or expression>}`` takes them, and so does an outbox's
``mapping``.

Each kind is imported when one is made: most DAGs have none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from airflow_profile_provider.fields.expression import Expression

__all__ = ["Expression", "const", "first_of", "from_json", "hashed", "joined", "lookup"]


def const(value: Any) -> Expression:
    """Send the same value for every record: text, a number, a boolean, None, or lists and objects of these.

    Raises:
        ConfigurationError: the value cannot be written as JSON.
    """
    from airflow_profile_provider.fields.fixed import Const

    return Const(value)


def from_json(column: str) -> Expression:
    """Send what the JSON text of a column holds: a list, an object, or any other value; null stays null.

    A column whose values are lists or objects already is sent as it stands. Text that is no JSON makes its
    record invalid, and so does an object with a name twice.

    Raises:
        ConfigurationError: that is no name of a column.
    """
    from airflow_profile_provider.fields.made import FromJson

    return FromJson(column)


def joined(template: str, *columns: str) -> Expression:
    """Send text made of several columns: ``joined("{} {}", "first_name", "last_name")``.

    A place is ``{}``, or names its column: ``{first_name}``. Where one of the columns is null, the field is.

    Raises:
        ConfigurationError: the places of the template are not those of the columns.
    """
    from airflow_profile_provider.fields.made import Joined

    return Joined(template, columns)


def lookup(column: str, values: Mapping[Any, Any], default: Any = ...) -> Expression:
    """Send what a table says of the column's value: ``lookup("language", {"de": 1, "en": 2})``.

    Keys are compared as text, so that 1 in the table is also "1" of a CSV file; where all keys are booleans,
    the column is read as one. A value that the table does not have makes its record invalid, unless there is
    a ``default``. Null stays null, unless None is among the keys.

    Raises:
        ConfigurationError: there are no values, or two keys are the same text.
    """
    from airflow_profile_provider.fields.fixed import Lookup

    return Lookup(column, values, default)


def hashed(
    column: str, algorithm: str = "sha256", normalize: Literal["email", "phone"] | None = None
) -> Expression:
    """Send the hexadecimal hash of a column's text in UTF-8; null stays null.

    ``normalize`` says how the text is written before: an "email" address in small letters without blanks
    around it, a "phone" number as digits alone, with a plus before the country's code. What is neither makes
    its record invalid.

    Raises:
        ConfigurationError: this Python does not have the algorithm, or normalize is another word.
    """
    from airflow_profile_provider.fields.made import Hashed

    return Hashed(column, algorithm, normalize)


def first_of(*columns: str) -> Expression:
    """Send the first of the columns that holds something: neither null nor empty text.

    Raises:
        ConfigurationError: there are no columns.
    """
    from airflow_profile_provider.fields.made import FirstOf

    return FirstOf(columns)
