"""Operator for Lightfield."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.operators.base import PushProfilesOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from typing import Literal, Unpack

    from airflow.sdk import XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.hooks.lightfield import LightfieldHook
    from airflow_profile_provider.mapping.field_mapping import ColumnsOf
    from airflow_profile_provider.operators.arguments import OperatorArguments
    from airflow_profile_provider.options import AnyPath
    from airflow_profile_provider.vendors.base import Vendor


class LightfieldPushProfilesOperator(PushProfilesOperator):
    """Push Lightfield accounts.

    :param lightfield_conn_id: the connection.
    :param relationships: relationship to operation to column, e.g. ``{"$owner": {"replace": "owner_id"}}``.
    :param mode: "update" changes existing accounts, "upsert" makes those that are missing, "create" makes new
        ones; the last two need ``match``.

    **Source**

    :param records: the path or URI of a file (.jsonl, .json, .csv, .parquet), of a folder or a pattern, or a
        list of these; a list of dicts, a data frame, or a function that makes or yields them; an XComArg of
        any of these; or `from_events()`: what the events announce that started the run.
    :param sql: a query instead, or the name of a ``.sql`` file, as in Airflow's own operators.
    :param sql_conn_id: the connection through which the query is asked, or the outbox of events is read.
    :param parameters: values that the query's driver binds, by name or in order, as `SQLExecuteQueryOperator`
        takes them; each may be a template. They are shown as "***".
    :param null_values: texts that stand for null in a CSV file, such as "NULL"; an empty cell always does.
    :param csv: how CSV files are written: "delimiter", "quotechar", "encoding", "header" (the columns of a
        file without a line of names), "null_values".
    :param only: a file of keys (another push's ``delivered_path``): push these alone.
    :param only_key: the column that holds them; the key's by default.
    :param partition: (i, n): push the share i, from 0, of n; the key decides.
    :param if_empty: "fail" (default for a path or a query) or "ok" (default for a list and for events).
    :param if_duplicate: rows of one key: the "last" wins; or all of them are "invalid"; or "fail", before
        anything is sent. The last two read the whole source first.
    :param max_record_bytes: a larger change is invalid; it bounds what is read of a line, too.

    **Changes**

    :param key: column of the key (no meaning where ``fields`` is None).
    :param fields: vendor field to column, or to an expression of `airflow_profile_provider.fields`; a list
        where the names agree; None: rows are changes already.
    :param key_type: what the key is: "id" (the default).
    :param version: column that orders the changes of a key, of one run and, with a ledger, of all.
    :param nulls: "clear", "skip" or "invalid"; "clear" by default.
    :param set_if_empty: those of the vendor's fields that are only set where the vendor holds nothing; each
        profile is read before, where it is not anyway.
    :param match: one field of the vendor's to the column with its value, such as ``{"email": "email"}``: the
        key is then your own, and the vendor's profile is found by that field, once, and remembered in the
        ledger.

    **Ledger**

    :param ledger_conn_id: SQL connection that remembers what the vendor acknowledged, so that only what
        changed is sent.
    :param changed_fields_only: with a ledger, send only the fields that changed.
    :param ignore_ledger: send everything, and write down what is acknowledged.
    :param mixed_key_types: use the ledger though it knows this target by another key type, too.
    :param doubt_seconds: how long an attempt that got no answer may still arrive at the vendor (900): with a
        ledger, its record is sent once more after that. 0: an acknowledgement is the last word.
    :param exact_keys: take each spelling of a key (its case, blanks around it) for a profile of its own.
    :param history: with a ledger, write a line for each record that was sent or refused into its
        `profile_history`.
    :param history_days: how many days these lines are kept.

    **What is sent, and when the task is red**

    :param action: "push"; "plan": say what would be sent (XCom ``plan`` is its id, ``plan_summary`` is
        Markdown); "baseline": fill the ledger as if all had been acknowledged; "audit": read what the vendor
        holds, and compare (with the same XComs: what a repair would send); "repair": audit, and push what
        differs. Plan, baseline and audit send nothing.
    :param plan_path: a file for the plan, a line for each change.
    :param plan_values: put the values into it, too.
    :param approved_plan: id of a plan: nothing is sent unless it would be exactly that; of a repair, the id
        of an audit.
    :param audit_path: a file for an audit, a line for each record that differs or is missing.
    :param audit_values: put the values into it, too.
    :param max_drifted: how many records of an audit may differ or be missing before the task is red: a count,
        or a share of the records such as "5%". A repair then sends nothing, either.
    :param max_changes: a count, or a share of the records such as "20%": more than that stops the task, red,
        before anything is sent.
    :param limit: send the first so many records that would be sent; the others are "planned", and stay to be
        sent by a later run, which knows by a ledger or an outbox what was sent.
    :param on_absent: with a ledger, what is done about keys that this push has delivered and that its source,
        read to the end, no longer has: "ignore"; "report" counts and lists them; a mapping of vendor field to
        a constant is sent to each, once.
    :param max_absent: a count, or a share of those keys: if more are absent, nothing is sent to any of them,
        and the task is red. By default 20%, and at least 10.
    :param scope: names this push among those to its target, so that none takes another's keys for absent; the
        DAG's id and the task's by default.
    :param max_failed: how many changes may fail before the task is red: a count, or "1%" of those that needed
        delivery.

    **Outputs**

    :param rejects_path: file or folder (ending in a slash) for undelivered changes, which ``records`` takes
        again; DAG, run, task, map index and try are put into the name.
    :param delivered_path: file for the acknowledged keys; a mapped task puts its map index into the name.
    :param absent_path: file for the keys that are absent; a mapped task puts its map index into the name.

    **Delivery**

    :param concurrency: requests in flight, instead of the connection's.
    :param batch_size: records a request, instead of the connection's.
    :param quota: such as "10/1s, 150/60s" or "none", instead of the connection's.
    :param resume: whether a retry goes on where the try before it ended (Airflow 3.3); else it starts again.
    :param deferrable: give the worker slot back while the quota allows no request for `defer_seconds`; by
        default what Airflow's option ``[operators] default_deferrable`` says.

    The report is returned, and pushed to XCom before a red task fails, too. Refusals alone fail the task for
    good, because a retry cannot help them; whatever got no answer fails it so that Airflow's retries apply,
    from Airflow 3.3 on by a policy of its own (``retry_policy``) that waits as long as the vendor asked.
    """

    template_fields = (*PushProfilesOperator.template_fields, "lightfield_conn_id", "relationships")

    # -- written by .ci/signatures.py
    def __init__(
        self,
        *,
        lightfield_conn_id: str = "lightfield_default",
        mode: Literal["update", "upsert", "create"] | XComArg = "update",
        relationships: ColumnsOf | str | XComArg | None = None,
        records: Any = None,
        sql: str | XComArg | None = None,
        sql_conn_id: str | XComArg | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        null_values: Sequence[str] | XComArg = (),
        csv: Mapping[str, Any] | str | XComArg | None = None,
        only: AnyPath | XComArg | None = None,
        only_key: str | XComArg | None = None,
        partition: tuple[int, int] | str | XComArg | None = None,
        if_empty: Literal["fail", "ok"] | XComArg | None = None,
        if_duplicate: Literal["last", "invalid", "fail"] | XComArg = "last",
        max_record_bytes: int | str | XComArg = 1_000_000,
        key: str | XComArg | None = None,
        fields: Mapping[str, str | Expression] | Sequence[str] | XComArg | None = None,
        key_type: Literal["id"] | XComArg | None = None,
        version: str | XComArg | None = None,
        nulls: Literal["clear", "skip", "invalid"] | XComArg | None = None,
        set_if_empty: Sequence[str] | XComArg = (),
        match: Mapping[str, str] | str | XComArg | None = None,
        ledger_conn_id: str | XComArg | None = None,
        changed_fields_only: bool | str | XComArg = False,
        ignore_ledger: bool | str | XComArg = False,
        mixed_key_types: bool | str | XComArg = False,
        doubt_seconds: float | timedelta | str | XComArg | None = None,
        exact_keys: bool | str | XComArg = False,
        history: bool | str | XComArg = True,
        history_days: int | str | XComArg = 14,
        action: Literal["push", "plan", "baseline", "audit", "repair"] | XComArg = "push",
        plan_path: AnyPath | XComArg | None = None,
        plan_values: bool | str | XComArg = False,
        approved_plan: str | XComArg | None = None,
        audit_path: AnyPath | XComArg | None = None,
        audit_values: bool | str | XComArg = False,
        max_drifted: int | str | XComArg | None = None,
        max_changes: int | str | XComArg | None = None,
        limit: int | str | XComArg | None = None,
        on_absent: Literal["ignore", "report"] | Mapping[str, Any] | str | XComArg = "ignore",
        max_absent: int | str | XComArg | None = None,
        scope: str | XComArg | None = None,
        max_failed: int | str | XComArg = 0,
        rejects_path: AnyPath | XComArg | None = None,
        delivered_path: AnyPath | XComArg | None = None,
        absent_path: AnyPath | XComArg | None = None,
        concurrency: int | str | XComArg | None = None,
        batch_size: int | str | XComArg | None = None,
        quota: str | XComArg | None = None,
        resume: bool | str | XComArg = True,
        deferrable: bool | str | XComArg | None = None,
        **kwargs: Unpack[OperatorArguments],
    ) -> None:
        self.lightfield_conn_id = lightfield_conn_id
        self.mode = mode
        self.relationships = relationships
        super().__init__(
            records=records,
            sql=sql,
            sql_conn_id=sql_conn_id,
            parameters=parameters,
            null_values=null_values,
            csv=csv,
            only=only,
            only_key=only_key,
            partition=partition,
            if_empty=if_empty,
            if_duplicate=if_duplicate,
            max_record_bytes=max_record_bytes,
            key=key,
            fields=fields,
            key_type=key_type,
            version=version,
            nulls=nulls,
            set_if_empty=set_if_empty,
            match=match,
            ledger_conn_id=ledger_conn_id,
            changed_fields_only=changed_fields_only,
            ignore_ledger=ignore_ledger,
            mixed_key_types=mixed_key_types,
            doubt_seconds=doubt_seconds,
            exact_keys=exact_keys,
            history=history,
            history_days=history_days,
            action=action,
            plan_path=plan_path,
            plan_values=plan_values,
            approved_plan=approved_plan,
            audit_path=audit_path,
            audit_values=audit_values,
            max_drifted=max_drifted,
            max_changes=max_changes,
            limit=limit,
            on_absent=on_absent,
            max_absent=max_absent,
            scope=scope,
            max_failed=max_failed,
            rejects_path=rejects_path,
            delivered_path=delivered_path,
            absent_path=absent_path,
            concurrency=concurrency,
            batch_size=batch_size,
            quota=quota,
            resume=resume,
            deferrable=deferrable,
            **kwargs,
        )

    if TYPE_CHECKING:

        @classmethod
        def partial(  # type: ignore[override]
            cls,
            *,
            lightfield_conn_id: str = ...,
            mode: Literal["update", "upsert", "create"] | XComArg = ...,
            relationships: ColumnsOf | str | XComArg | None = ...,
            records: Any = ...,
            sql: str | XComArg | None = ...,
            sql_conn_id: str | XComArg | None = ...,
            parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = ...,
            null_values: Sequence[str] | XComArg = ...,
            csv: Mapping[str, Any] | str | XComArg | None = ...,
            only: AnyPath | XComArg | None = ...,
            only_key: str | XComArg | None = ...,
            partition: tuple[int, int] | str | XComArg | None = ...,
            if_empty: Literal["fail", "ok"] | XComArg | None = ...,
            if_duplicate: Literal["last", "invalid", "fail"] | XComArg = ...,
            max_record_bytes: int | str | XComArg = ...,
            key: str | XComArg | None = ...,
            fields: Mapping[str, str | Expression] | Sequence[str] | XComArg | None = ...,
            key_type: Literal["id"] | XComArg | None = ...,
            version: str | XComArg | None = ...,
            nulls: Literal["clear", "skip", "invalid"] | XComArg | None = ...,
            set_if_empty: Sequence[str] | XComArg = ...,
            match: Mapping[str, str] | str | XComArg | None = ...,
            ledger_conn_id: str | XComArg | None = ...,
            changed_fields_only: bool | str | XComArg = ...,
            ignore_ledger: bool | str | XComArg = ...,
            mixed_key_types: bool | str | XComArg = ...,
            doubt_seconds: float | timedelta | str | XComArg | None = ...,
            exact_keys: bool | str | XComArg = ...,
            history: bool | str | XComArg = ...,
            history_days: int | str | XComArg = ...,
            action: Literal["push", "plan", "baseline", "audit", "repair"] | XComArg = ...,
            plan_path: AnyPath | XComArg | None = ...,
            plan_values: bool | str | XComArg = ...,
            approved_plan: str | XComArg | None = ...,
            audit_path: AnyPath | XComArg | None = ...,
            audit_values: bool | str | XComArg = ...,
            max_drifted: int | str | XComArg | None = ...,
            max_changes: int | str | XComArg | None = ...,
            limit: int | str | XComArg | None = ...,
            on_absent: Literal["ignore", "report"] | Mapping[str, Any] | str | XComArg = ...,
            max_absent: int | str | XComArg | None = ...,
            scope: str | XComArg | None = ...,
            max_failed: int | str | XComArg = ...,
            rejects_path: AnyPath | XComArg | None = ...,
            delivered_path: AnyPath | XComArg | None = ...,
            absent_path: AnyPath | XComArg | None = ...,
            concurrency: int | str | XComArg | None = ...,
            batch_size: int | str | XComArg | None = ...,
            quota: str | XComArg | None = ...,
            resume: bool | str | XComArg = ...,
            deferrable: bool | str | XComArg | None = ...,
            **kwargs: Unpack[OperatorArguments],
        ) -> OperatorPartial:
            """Return what `expand` maps; the arguments are those of the operator."""
            ...

    # -- end

    @cached_property
    def hook(self) -> LightfieldHook:
        """The vendor's hook."""
        from airflow_profile_provider.hooks.lightfield import LightfieldHook

        return LightfieldHook(self.lightfield_conn_id)

    @classmethod
    def rules(cls) -> type[Vendor]:
        """The vendor's rules."""
        from airflow_profile_provider.vendors.lightfield import Lightfield

        return Lightfield

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {"relationships": self.relationships, "mode": self.mode}
