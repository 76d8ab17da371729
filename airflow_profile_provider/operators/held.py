"""Records and what may be some, held where Jinja, Airflow's database and its UI do not look.

A list, a data frame, a generator and a function that makes any of these are held alike; a list of paths is
not, so that it may be a template.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from inspect import GEN_CREATED, getgeneratorstate
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.mappedoperator import OperatorPartial

from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.events import FromEvents

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import MappedOperator


def _columns(name: str, value: Any) -> Any:
    from airflow_profile_provider.fields.written import columns  # imported where a task is made

    return columns(name, value)


_PARSED = {
    "fields": _columns,
    "match": arguments.match,
    "parameters": arguments.parameters,
    "relationships": arguments.links,
    "partition": arguments.pair,
}


class HeldRecords:
    """Records that were given as such, or text that they rendered to; it is shown as how many they are."""

    def __init__(self, records: Any) -> None:
        self.records = records
        self._were_taken = False

    def __deepcopy__(self, memo: Any) -> HeldRecords:
        """Return the same records: Airflow copies a DAG, and no generator can be."""
        return self

    def taken(self) -> Any:
        """Return the records to the try that reads them.

        Raises:
            ConfigurationError: they can be read only once, and were: by the DAG's file, or an earlier try.
        """
        records = self.records
        if isinstance(records, Iterator):
            begun = isinstance(records, GeneratorType) and getgeneratorstate(records) != GEN_CREATED
            if begun or self._were_taken:
                raise ConfigurationError(
                    f"records is a {type(records).__name__} that was read before, by the DAG's file or an "
                    "earlier try: give the function that makes it (records=rows, not records=rows())"
                )
            self._were_taken = True
        return records

    def __len__(self) -> int:
        return len(self.records) if _is_list(self.records) else 1

    def __repr__(self) -> str:
        return f"<{len(self)} records>" if _is_list(self.records) else f"<{type(self.records).__name__}>"


class HeldValue:
    """A value beside templates, which Airflow stores with the DAG; the value itself is not shown."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __deepcopy__(self, memo: Any) -> HeldValue:
        """Return the same value: Airflow copies a DAG, and not every driver's value can be."""
        return self

    def __repr__(self) -> str:
        return "***"


class HeldParameters:
    """Values that are bound to a query, rendered by now: only their names are shown."""

    template_fields = ("parameters",)
    """Airflow renders what is inside of it, too, where somebody sets it before a task is rendered."""

    def __init__(self, parameters: Mapping[str, Any] | Sequence[Any]) -> None:
        self.parameters = parameters

    def __repr__(self) -> str:
        if isinstance(self.parameters, Mapping):
            return str({str(name): "***" for name in self.parameters})
        return str(["***"] * len(self.parameters))


def let_go(value: Any) -> Any:
    """Return an argument as it was given; a try that reads records takes them, see `HeldRecords.taken`."""
    if isinstance(value, HeldParameters):
        return given_parameters(value)
    return value.records if isinstance(value, HeldRecords) else value


def given_parameters(held_ones: Any) -> Any:
    """Return parameters as they were given, held or not."""
    return _values_of(held_ones.parameters if isinstance(held_ones, HeldParameters) else held_ones)


def _values_of(value: Any) -> Any:
    if type(value) in {list, tuple}:
        return type(value)(map(_values_of, value))
    if type(value) is dict:
        return {name: _values_of(part) for name, part in value.items()}
    return value.value if isinstance(value, HeldValue) else value


def _held_beside_templates(value: Any) -> Any:
    """Hold the values among parameters that are no templates, wherever they stand."""
    if not is_to_be_rendered(value):
        return value if isinstance(value, HeldValue) else HeldValue(value)
    if isinstance(value, Mapping):
        return {name: _held_beside_templates(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_held_beside_templates(part) for part in value]
    return value


def _is_list(records: Any) -> bool:
    return isinstance(records, Sequence) and not isinstance(records, str | bytes)


def _is_paths(value: Any) -> bool:
    """Whether a value is a list of paths: no values are in it, and it may be a template."""
    if not isinstance(value, list | tuple) or not value or isinstance(value[0], Mapping):
        return False
    from airflow_profile_provider.adapters.paths import is_list_of_paths

    return is_list_of_paths(value)


def held(name: str, value: Any) -> Any:
    """Return the value of an argument as an operator keeps it: held if it may be records."""
    if value is None or isinstance(value, HeldRecords | HeldParameters | FromEvents | bool | int | float):
        return value
    if name == "parameters" and _fits(name, value):
        if is_to_be_rendered(value):
            return _held_beside_templates(value)
        return HeldParameters(given_parameters(arguments.parameters(name, value)) or ())
    if hasattr(type(value), "resolve") or hasattr(type(value), "open") or isinstance(value, os.PathLike):
        return value  # an XComArg, what it resolves to is set later; or a path
    if name == "records" and _is_paths(value):
        return value
    if isinstance(value, str):
        return HeldRecords(value) if arguments.is_text_of_records(value) and not _fits(name, value) else value
    if name != "records" and (_fits(name, value) or may_be_rendered(value)):
        return value
    return HeldRecords(value)


def _fits(name: str, value: Any) -> bool:
    """Whether a value is what the argument takes, so that it holds names and numbers alone."""
    if name == "sql":
        return isinstance(value, str)
    if name not in _PARSED:
        return False
    try:
        _PARSED[name](name, value)
    except ConfigurationError:
        return False
    return True


def is_to_be_rendered(value: Any) -> bool:
    """Whether Airflow renders a value, or a part of it: a template, or what another task will return.

    The names in a mapping are none of its parts here (`options.is_for_later` counts them): Airflow renders
    the values alone.
    """
    if isinstance(value, Mapping):
        return any(map(is_to_be_rendered, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_to_be_rendered, value))
    if isinstance(value, str):
        return arguments.is_template(value)
    return hasattr(value, "resolve")


def may_be_rendered(value: Any) -> bool:
    """Whether a mapping or a list holds nothing but names, numbers and what Airflow resolves later."""
    if isinstance(value, Mapping):
        return all(may_be_rendered(part) for part in value.values())
    if isinstance(value, list | tuple):
        return all(not isinstance(part, Mapping) and may_be_rendered(part) for part in value)
    return value is None or isinstance(value, str | int) or hasattr(value, "resolve")


def hold_defaults(dag: Any, names: Iterable[str]) -> None:
    """Hold what is records among a DAG's ``default_args``, which Airflow stores with the DAG."""
    defaults = getattr(dag, "default_args", None)
    if not isinstance(defaults, dict):
        return
    for name in defaults.keys() & set(names):
        defaults[name] = held(name, defaults[name])


class _HeldPartial(OperatorPartial):
    """What `partial` returns: what holds records among that which is mapped is held, too."""

    def _expand(self, expand_input: Any, *, strict: bool) -> MappedOperator:
        value = expand_input.value
        if isinstance(value, Mapping):
            value = {
                name: [_held_argument(self, name, each) for each in values] if _is_list(values) else values
                for name, values in value.items()
            }
        elif _is_list(value):
            value = [_held_arguments(self, each) for each in value]
        return super()._expand(type(expand_input)(value), strict=strict)


class _CheckedPartial(_HeldPartial):
    """What a push's `partial` returns: the arguments are checked, too."""

    def _expand(self, expand_input: Any, *, strict: bool) -> MappedOperator:
        from airflow_profile_provider.operators.checked import check_mapped

        check_mapped(self, expand_input.value)
        return super()._expand(expand_input, strict=strict)


def _held_argument(partial: OperatorPartial, name: str, value: Any) -> Any:
    return held(name, value) if name in partial.operator_class.template_fields else value


def _held_arguments(partial: OperatorPartial, given: Any) -> Any:
    if not isinstance(given, Mapping):
        return given
    return {name: _held_argument(partial, name, value) for name, value in given.items()}


def checking(partial: OperatorPartial) -> OperatorPartial:
    """Return a push's partial operator, checked, whose records are held, in whatever argument they are.

    Raises:
        ConfigurationError: naming the argument, what to write, and the task.
    """
    from airflow_profile_provider.operators.checked import check_mapped

    check_mapped(partial)
    return holding(partial, _CheckedPartial)


def holding(partial: OperatorPartial, kind: type[OperatorPartial] = _HeldPartial) -> OperatorPartial:
    """Return a partial operator whose records and parameters are held, in whatever argument they are."""
    hold_defaults(partial.kwargs.get("dag"), partial.operator_class.template_fields)
    kwargs = _held_arguments(partial, partial.kwargs)
    partial._expand_called = True
    return kind(operator_class=partial.operator_class, kwargs=kwargs, params=partial.params)
