"""What is wrong with an operator's arguments, as far as it is known when a DAG is parsed.

Templates, and what other tasks return, are left to the push; it reads everything again, in the same way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Protocol

from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.operators.events import FromEvents
from airflow_profile_provider.operators.held import let_go
from airflow_profile_provider.operators.names import require_share
from airflow_profile_provider.operators.outcome import allowed_failures
from airflow_profile_provider.push.options import OPTION_NAMES, PushOptions
from airflow_profile_provider.vendors.base import Access, Vendor

if TYPE_CHECKING:
    from airflow_profile_provider.operators.base import PushProfilesOperator

_SOMEWHERE = Access("https://known.when.the.task.runs")
_CHECKED = 100
"""So many of the values that are mapped are looked at."""


class _Later:
    """Stands for an argument that something else may give: `expand`, or the DAG's default arguments."""

    def resolve(self) -> None:
        """As those have it that Airflow resolves."""


LATER = _Later()


def names_of(vendor_class: type[Vendor] | None) -> frozenset[str]:
    """Return the names of the arguments that are checked."""
    own = signature(vendor_class).parameters if vendor_class else ()
    return frozenset({*OPTION_NAMES, *own, "records", "max_failed", "resume", "deferrable"} - {"access"})


def check(
    given: Mapping[str, Any], vendor_class: type[Vendor] | None, *, gives_records: bool = False
) -> None:
    """Refuse arguments that no push can mean; of a vendor that is not known, its rules are not asked.

    ``gives_records`` says that the task makes its records itself.

    Raises:
        ConfigurationError: naming the argument and what to write.
    """
    options = PushOptions.foreseen(given)
    for name in ("resume", "deferrable"):
        arguments.refuse_text(name, _known(given, name))
        arguments.flag(name, _known(given, name), default=True)
    allowed_failures(_known(given, "max_failed"))
    if not gives_records:
        _check_source(given, options)
    if vendor_class:
        _check_vendor(vendor_class, given, options)


def _check_source(given: Mapping[str, Any], options: PushOptions) -> None:
    records, sql = given.get("records"), given.get("sql")
    if isinstance(records, FromEvents):
        options.require_no_events()
    if not isinstance(records, list | tuple) and not arguments.is_for_later(records):  # many, perhaps
        arguments.require_records(records)
    is_nothing_fine = records is None and sql is None and options.if_empty == "ok"
    if records is LATER or sql is LATER or is_nothing_fine:
        return
    conn_id = sql if given.get("sql_conn_id") is LATER else options.sql_conn_id
    may_be_outbox = isinstance(records, FromEvents)
    arguments.require_one_source(records is not None, sql, conn_id, by_sql_conn_id=may_be_outbox)


def _check_vendor(vendor_class: type[Vendor], given: Mapping[str, Any], options: PushOptions) -> None:
    """Make the vendor's rules and the mapping, as a push does, for a connection that is not looked up."""
    own = {}
    for name, parameter in signature(vendor_class).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and (value := _known(given, name)) is not None:
            if isinstance(parameter.default, bool):
                arguments.refuse_text(name, value)
            own[name] = value
    if arguments.is_for_later(given.get("match")):  # whether profiles can be made depends on it
        own.pop("mode", None)
    vendor = vendor_class(_SOMEWHERE, **arguments.options_of(vendor_class, own))
    options.require_fit(vendor)
    options.records_a_request(vendor)
    mapping = options.mapping
    if any(arguments.is_for_later(given.get(name)) for name in ("fields", "relationships")):
        mapping = replace(mapping, fields=None, relationships=None, set_if_empty=())
    if mapping.set_if_empty:
        perhaps = _perhaps_readable(vendor_class, own, vendor.unreadable(mapping.set_if_empty))
        mapping = replace(
            mapping, set_if_empty=tuple(name for name in mapping.set_if_empty if name not in perhaps)
        )
    Mapper(vendor, mapping).check_constants(options.constants)


def _perhaps_readable(
    vendor_class: type[Vendor], own: Mapping[str, Any], names: Collection[str]
) -> frozenset[str]:
    """Return those of the fields that the connection may make readable: it is not looked up here."""
    ways = [{name: option} for name, options in vendor_class.readings.items() for option in options]
    found: frozenset[str] = frozenset()
    for extra in ways if names else ():
        vendor = vendor_class(replace(_SOMEWHERE, extra=extra), **arguments.options_of(vendor_class, own))
        found |= set(names) - vendor.unreadable(names)
    return found


def _known(given: Mapping[str, Any], name: str) -> Any:
    value = given.get(name)
    return None if arguments.is_for_later(value) else value


def check_task(task: PushProfilesOperator, given: Mapping[str, Any]) -> None:
    """Check the arguments of a task that is being made.

    Raises:
        ConfigurationError: naming the argument, what to write, and the task.
    """
    rules = task.rules()
    own = {name: getattr(task, name, None) for name in names_of(rules) - given.keys()}
    known = {name: let_go(value) for name, value in {**own, **given}.items()}  # held: default arguments are
    _checked(known, task.task_id, rules, gives_records=task.gives_records)


class Partial(Protocol):
    """What Airflow makes a mapped task of: an operator's, or a decorated function's."""

    operator_class: Any
    kwargs: dict[str, Any]


def check_mapped(partial: Partial, mapped: Any = None) -> None:
    """Check what `partial` got and, of what is mapped, what is known.

    Raises:
        ConfigurationError: naming the argument, what to write, and the task.
    """
    vendor_class = partial.operator_class.rules()
    names = names_of(vendor_class)
    given = {name: let_go(partial.kwargs.get(name, LATER)) for name in names}
    if mapped is not None:
        check_siblings(partial, mapped)
    for each in _each(mapped):
        known = {name: let_go(value) for name, value in each.items() if name in names}
        _checked({**given, **known}, partial.kwargs["task_id"], vendor_class)


def check_siblings(partial: Partial, mapped: Any) -> None:
    """Refuse to look for leavers in mapped tasks that do not read the whole source, as far as that is known.

    Raises:
        ConfigurationError: naming the task.
    """
    defaults = getattr(partial.kwargs.get("dag"), "default_args", None) or {}
    given = {**defaults, **(partial.kwargs.get("default_args") or {}), **partial.kwargs}
    sets: list[Any] = [mapped] if isinstance(mapped, Mapping) else []
    if isinstance(mapped, list | tuple):
        sets = [each for each in mapped[:_CHECKED] if isinstance(each, Mapping)]
    for each in sets:
        known = {**given, **each}
        if known.get("scope") is not None or arguments.is_for_later(known.get("on_absent")):
            continue
        what: Any = known.get("on_absent")
        is_one_each = each is mapped and "on_absent" in mapped and isinstance(what, list | tuple)
        try:
            for value in what if is_one_each else [what]:
                require_share(let_go(value), known.get("partition"))
        except ConfigurationError as error:
            problem = f"{error} (task {partial.kwargs['task_id']})"
        else:
            continue
        raise ConfigurationError(problem)


def _each(mapped: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what is mapped together; where each argument is mapped by itself, the others are not known."""
    if mapped is None:
        yield {}
    elif isinstance(mapped, Mapping):
        later = dict.fromkeys(mapped, LATER)
        yield later
        for name, values in mapped.items():
            if isinstance(values, list | tuple):
                yield from ({**later, name: value} for value in values[:_CHECKED])
    elif isinstance(mapped, list | tuple):
        yield from (each for each in mapped[:_CHECKED] if isinstance(each, Mapping))


def _checked(given: Mapping[str, Any], task_id: str, vendor_class: type[Vendor] | None, **how: bool) -> None:
    try:
        check(given, vendor_class, **how)
    except ConfigurationError as error:
        problem = f"{error} (task {task_id})"
    else:
        return
    raise ConfigurationError(problem)
