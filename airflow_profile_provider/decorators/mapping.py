"""A decorated function whose records, where the DAG's file maps them, are held out of Airflow's database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attr
from airflow.sdk.bases.decorator import _TaskDecorator

from airflow_profile_provider.decorators.arguments import kept

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import XComArg


class PushDecorator(_TaskDecorator[Any, Any, Any]):
    """What ``@task.push_profiles`` makes of a function."""

    def _expand(self, expand_input: Any, *, strict: bool) -> XComArg:
        """Map the function's arguments; those that hold records are held, mapped or not."""
        from airflow_profile_provider.operators.checked import check_mapped, check_siblings

        check_mapped(self)
        check_siblings(self, {})  # what is mapped are the function's arguments
        value = expand_input.value
        if isinstance(value, Mapping):
            value = {name: _each(values) for name, values in value.items()}
        elif isinstance(value, list | tuple):
            value = [_named(one) for one in value]
        partly = _named(self.kwargs.get("op_kwargs", {}))
        held = attr.evolve(self, kwargs={**self.kwargs, "op_kwargs": partly})
        return super(PushDecorator, held)._expand(type(expand_input)(value), strict=strict)


def _each(values: Any) -> Any:
    """Hold each value that an argument takes; what another task returns is not known yet."""
    return kept(values, rendered=False) if isinstance(values, list | tuple) else values


def _named(arguments: Any) -> Any:
    return kept(arguments, rendered=False) if isinstance(arguments, Mapping) else arguments
