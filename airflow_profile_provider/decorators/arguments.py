"""Arguments of a user's function, kept where Airflow's database and its UI show no value of a profile."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from datetime import date, timedelta
from importlib import import_module
from typing import Any

from airflow_profile_provider.operators.held import HeldRecords, is_to_be_rendered, may_be_rendered
from airflow_profile_provider.options import is_text_of_records

_PLAIN = (bool, int, float, date, timedelta, os.PathLike, HeldRecords)


def kept(arguments: Any, *, rendered: bool) -> Any:
    """Return a function's arguments as an operator keeps them.

    Before they are rendered, what is records as it stands is held. Afterwards they may hold what another task
    returned, so that nothing is shown of them but words, numbers, times, paths and assets.
    """
    one = _rendered if rendered else _written
    if isinstance(arguments, Mapping):
        return {name: one(value) for name, value in arguments.items()}
    return [one(value) for value in arguments]


def _written(value: Any) -> Any:
    if isinstance(value, Mapping | list | tuple):
        waits = may_be_rendered(value) or is_to_be_rendered(value)
    else:
        waits = isinstance(value, str) or any(hasattr(value, name) for name in ("resolve", "template_fields"))
    return value if waits else _rendered(value)


def _rendered(value: Any) -> Any:
    if isinstance(value, str):
        return HeldRecords(value) if is_text_of_records(value) else value
    plain = value is None or isinstance(value, _PLAIN)
    return (
        value
        if plain or any(hasattr(value, name) for name in ("open", "iter_assets"))
        else HeldRecords(value)
    )


def accepted(
    function: Callable[..., Any], args: Collection[Any], given: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Return those keyword arguments that a function takes, chosen as Airflow does for its own tasks."""
    try:
        from airflow.sdk.bases.decorator import determine_kwargs
    except ImportError:  # Airflow 3.1, whose constraints have a common-compat that does not know of it
        determine_kwargs = import_module("airflow.utils.operator_helpers").determine_kwargs
    return determine_kwargs(function, args, given)
