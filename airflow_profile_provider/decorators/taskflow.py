"""``@task.push_profiles``: a function gives the records, and its task is the push."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowSkipException,
    DecoratedOperator,
)

from airflow_profile_provider.adapters.files import is_path
from airflow_profile_provider.adapters.paths import is_list_of_paths
from airflow_profile_provider.decorators.arguments import accepted, kept
from airflow_profile_provider.decorators.mapping import PushDecorator
from airflow_profile_provider.decorators.rows import Rows, given_by
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.operators.held import let_go
from airflow_profile_provider.operators.vendors import operator_of

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.bases.decorator import Task

    from airflow_profile_provider.adapters.checkpoints import TaskCheckpoints
    from airflow_profile_provider.reports import Report

P = ParamSpec("P")
R = TypeVar("R")

_GIVEN_BY_THE_FUNCTION = ("records", "sql", "sql_conn_id", "parameters")


def push_profiles(vendor: str, **arguments: Any) -> Callable[[Callable[P, R]], Task[P, R]]:
    """Push what a function yields or returns: ``@task.push_profiles("<vendor>", key="id", …)``.

    The function yields rows, or returns a list, a table, a path, or None, which is nothing to push (see
    ``if_empty``). The task returns the push's report.

    Args:
        vendor: name of the vendor's connection type, of any installed provider.
        arguments: those of the vendor's operator, all but ``records`` and ``sql``.

    Raises:
        TypeError: no vendor is named, or an argument is the function's to give.
        ValueError: no installed provider has an operator for the vendor.
    """
    if not isinstance(vendor, str):
        raise TypeError('name the vendor by its connection type: @task.push_profiles("<type>", ...)')
    _refuse_given(arguments)
    operator_class = _operator_class(operator_of(vendor))

    def decorate(function: Callable[P, R]) -> Any:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("@task.push_profiles takes a function or a generator, not an async one")
        return PushDecorator(
            function=function,
            multiple_outputs=False,  # the report is one value, whatever the function returns
            operator_class=operator_class,
            kwargs=dict(arguments),
        )

    return decorate


def _refuse_given(arguments: Mapping[str, Any]) -> None:
    for name in _GIVEN_BY_THE_FUNCTION:
        if arguments.get(name) is not None:
            raise TypeError(f"@task.push_profiles pushes what its function gives: leave out {name}")


class FunctionPushProfilesOperator(DecoratedOperator, PushProfilesOperator):
    """A push of what a function yields or returns; each vendor's is made with that of its own operator."""

    custom_operator_name = "@task.push_profiles"
    shallow_copy_attrs = (*DecoratedOperator.shallow_copy_attrs, *PushProfilesOperator.shallow_copy_attrs)
    gives_records = True
    template_ext: Sequence[str] = ()  # there is no query, and a function's arguments are none
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **PushProfilesOperator.template_fields_renderers,
        **DecoratedOperator.template_fields_renderers,
    }

    def __init__(self, **kwargs: Any) -> None:
        _refuse_given(kwargs)
        self._rows: Rows | None = None
        super().__init__(**kwargs | dict.fromkeys(_GIVEN_BY_THE_FUNCTION))  # not those of default_args

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; of the function's arguments, what may be records is held, once it is rendered."""
        if name in {"op_args", "op_kwargs"}:
            value = kept(value, rendered=name in self.__dict__)
            super(PushProfilesOperator, self).__setattr__(name, value)
        else:
            super().__setattr__(name, value)

    def _push(self, context: Context, checkpoints: TaskCheckpoints) -> Report:
        try:
            return super()._push(context, checkpoints)
        finally:
            if self._rows and (problem := self._rows.close()):
                self.log.warning("The push is over, but its function could not be closed: %s", problem)

    def _given_records(self, context: Context) -> Any:
        """Call the function."""
        args = [let_go(value) for value in self.op_args]
        named = {name: let_go(value) for name, value in self.op_kwargs.items()}
        function = self.python_callable
        wanted = accepted(function, args, {**context, **named})
        records = given_by(
            function, lambda: function(*args, **wanted), (AirflowSkipException, AirflowFailException)
        )
        if is_path(records) or is_list_of_paths(records):
            self.records = records  # lineage names it
        self._rows = records if isinstance(records, Rows) else None
        return records


@cache
def _operator_class(vendors: type[PushProfilesOperator]) -> type[FunctionPushProfilesOperator]:
    """Make the class of a vendor's push of a function."""
    fields = [name for name in vendors.template_fields if name not in _GIVEN_BY_THE_FUNCTION]
    return type(
        f"Function{vendors.__name__}",
        (FunctionPushProfilesOperator, vendors),
        {
            "__doc__": f"`{vendors.__name__}` of what a function yields or returns.",
            "__module__": __name__,
            "template_fields": (*fields, *DecoratedOperator.template_fields),
        },
    )
