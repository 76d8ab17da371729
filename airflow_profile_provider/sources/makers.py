"""Functions that make records: called without arguments, once for each reading."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any

from airflow_profile_provider.errors import ConfigurationError, ProfileError, SourceError, where_raised
from airflow_profile_provider.options import require_records


def is_maker(records: Any) -> bool:
    """Whether records is a function that makes them."""
    return callable(records) and not isinstance(records, Iterable)


def made_by(maker: Callable[[], Any]) -> Any:
    """Call a function that makes records.

    Raises:
        ConfigurationError: it takes arguments, or makes what is none.
        SourceError: it raises something, or makes nothing.
    """
    try:
        inspect.signature(maker).bind()
    except TypeError:
        raise ConfigurationError(
            "records is a function that takes arguments, but is called without: use functools.partial"
        ) from None
    except ValueError:
        pass  # a function in C does not say
    try:
        records = maker()
    except ProfileError:
        raise
    except Exception as error:  # noqa: BLE001 -- somebody's own code; its words may hold values
        raise SourceError(f"the function that makes the records raised {where_raised(error)}") from None
    if records is None:
        raise SourceError("the function that makes the records returned None: return or yield them")
    if is_maker(records) or inspect.isawaitable(records) or inspect.isasyncgen(records):
        kind = type(records).__name__
        raise ConfigurationError(f"the function that makes the records returned {kind}, and not records")
    require_records(records)
    return records
