"""Values on their way from a source into a request: null or not, of which JSON type, read from text.

Messages name the type that was found, never the value.
"""

from airflow_profile_provider.values.comparing import alike, canonical, same
from airflow_profile_provider.values.json_text import (
    MOST_NESTED,
    exact_float,
    json_type,
    plain,
    read_json,
    read_strict_json,
)
from airflow_profile_provider.values.keys import are_plain, exact_key, folded
from airflow_profile_provider.values.kinds import check_kind, read_as
from airflow_profile_provider.values.native import Single, in_microseconds, single, unwrapped
from airflow_profile_provider.values.nulls import holds_null, is_null, without_nulls
from airflow_profile_provider.values.numbers import (
    LARGEST_EXACT,
    LARGEST_SINGLE,
    MOST_DIGITS,
    LongNumber,
    exact_number,
    integer,
    is_number,
    number_text,
)

__all__ = [
    "LARGEST_EXACT",
    "LARGEST_SINGLE",
    "MOST_DIGITS",
    "MOST_NESTED",
    "LongNumber",
    "Single",
    "alike",
    "are_plain",
    "canonical",
    "check_kind",
    "exact_float",
    "exact_key",
    "exact_number",
    "folded",
    "holds_null",
    "in_microseconds",
    "integer",
    "is_null",
    "is_number",
    "json_type",
    "number_text",
    "plain",
    "read_as",
    "read_json",
    "read_strict_json",
    "same",
    "single",
    "unwrapped",
    "without_nulls",
]
