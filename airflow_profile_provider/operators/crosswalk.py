"""The step between two pushes whose tables have no key in common."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseHook, BaseOperator

from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError, ProfileError, sorted_error
from airflow_profile_provider.operators.held import given_parameters, held, hold_defaults, holding
from airflow_profile_provider.operators.templates import TemplatesMixin

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_profile_provider.hooks.crosswalk import Translated


class TranslateKeysOperator(TemplatesMixin, BaseOperator):
    """Turn the keys that one push delivered into the next system's, by a table that holds both.

    :param keys: the file of keys: a push's ``delivered_path``.
    :param to_path: the file for their counterparts: the next push's ``only``.
    :param crosswalk: path or URI of a .jsonl, .csv (.gz) or .parquet file with both keys in each row.
    :param sql: a query instead, asked through the connection ``sql_conn_id``.
    :param parameters: values that the query's driver binds, by name or in order; they are shown as "***".
    :param from_column: column of the keys that are given.
    :param to_column: column of the keys that are wanted.
    :param if_empty: "fail" (default) or "ok": what it means that none of the keys has a counterpart.

    ``sql`` may name a ``.sql`` file, as in Airflow's own operators.

    A key without a counterpart is left out, so that the next push leaves that profile out; how many there are
    is returned (``{"keys": 300, "missing": 2}``). No key goes through XCom or into the log.
    """

    template_fields: Sequence[str] = (
        "keys",
        "to_path",
        "crosswalk",
        "sql",
        "sql_conn_id",
        "parameters",
        "from_column",
        "to_column",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"sql": "sql"}  # noqa: RUF012 -- as BaseOperator declares it
    ui_color = "#d8e8f8"

    def __init__(
        self,
        *,
        keys: str | os.PathLike[str],
        to_path: str | os.PathLike[str],
        from_column: str,
        to_column: str,
        crosswalk: str | os.PathLike[str] | None = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        if_empty: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.keys = keys
        self.to_path = to_path
        self.from_column = from_column
        self.to_column = to_column
        self.crosswalk = crosswalk
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.parameters: Any = parameters
        self.if_empty = if_empty
        hold_defaults(kwargs.get("dag"), ("parameters",))

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return what `expand` maps; parameters stay out of the serialized DAG."""
        return holding(super().partial(**kwargs))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; parameters are held where the database and the UI do not look."""
        super().__setattr__(name, held(name, value) if name == "parameters" else value)

    def execute(self, context: Context) -> dict[str, int]:
        """Write the file, and return the counts."""
        try:
            done = self._translated()
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from None
        except ProfileError as error:
            raise AirflowException(str(error)) from None
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 -- sorted: its text may hold keys
            raise AirflowException(str(sorted_error(error, "the translation"))) from None
        if done.missing:
            self.log.warning("%d of %d keys have no counterpart in the crosswalk", done.missing, done.keys)
        if done.unreadable:
            self.log.warning("%d rows of the crosswalk cannot be read", done.unreadable)
        return done.as_dict()

    def _translated(self) -> Translated:
        """Read the arguments, and translate.

        Raises:
            ConfigurationError: one of them cannot be meant.
        """
        from airflow_profile_provider.hooks.crosswalk import Crosswalk

        needed = {name: arguments.path(name, getattr(self, name)) for name in ("keys", "to_path")}
        for name in ("from_column", "to_column"):
            needed[name] = arguments.text(name, getattr(self, name), strip=False)
        if missing := [name for name, value in needed.items() if value is None]:
            raise ConfigurationError(f"{', '.join(missing)} came to None: give a value")
        crosswalk = Crosswalk(
            from_column=str(needed["from_column"]),
            to_column=str(needed["to_column"]),
            path=arguments.path("crosswalk", self.crosswalk),
            sql=arguments.text("sql", self.sql, strip=False),
            sql_conn_id=arguments.text("sql_conn_id", self.sql_conn_id),
            parameters=arguments.parameters("parameters", given_parameters(self.parameters)),
        )
        if_empty = arguments.text("if_empty", self.if_empty) or "fail"
        may_miss = arguments.require_choice("if_empty", if_empty, ("fail", "ok")) == "ok"
        return crosswalk.translate(
            str(needed["keys"]), str(needed["to_path"]), BaseHook.get_connection, may_miss=may_miss
        )
