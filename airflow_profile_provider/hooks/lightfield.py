"""Hook for Lightfield."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.vendors.lightfield import Lightfield

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from typing import Literal

    from airflow_profile_provider.explain.explanation import Explanation
    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.mapping.field_mapping import ColumnsOf
    from airflow_profile_provider.options import AnyPath
    from airflow_profile_provider.push.watermark import Checkpoints
    from airflow_profile_provider.records import Verdict
    from airflow_profile_provider.reports import Report, TaskRun


class LightfieldHook(ProfileHook):
    """Push Lightfield accounts."""

    vendor_class = Lightfield
    conn_name_attr = "lightfield_conn_id"
    default_conn_name = "lightfield_default"
    conn_type = "lightfield"
    hook_name = "Lightfield"

    def __init__(self, lightfield_conn_id: str = default_conn_name, **http: Any) -> None:
        super().__init__(lightfield_conn_id, **http)

    # -- written by .ci/signatures.py
    def push(  # type: ignore[override]
        self,
        changes: Any = None,
        *,
        mode: Literal["update", "upsert", "create"] = "update",
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        null_values: Sequence[str] | None = None,
        csv: Mapping[str, Any] | None = None,
        only: AnyPath | None = None,
        only_key: str | None = None,
        partition: tuple[int, int] | None = None,
        if_empty: Literal["fail", "ok"] | None = None,
        if_duplicate: Literal["last", "invalid", "fail"] = "last",
        max_record_bytes: int | None = 1_000_000,
        key: str | None = None,
        fields: Mapping[str, str | Expression] | Sequence[str] | None = None,
        key_type: Literal["id"] | None = None,
        version: str | None = None,
        nulls: Literal["clear", "skip", "invalid"] | None = None,
        match: Mapping[str, str] | None = None,
        relationships: ColumnsOf | None = None,
        set_if_empty: Sequence[str] | None = None,
        ledger_conn_id: str | None = None,
        changed_fields_only: bool = False,
        ignore_ledger: bool = False,
        mixed_key_types: bool = False,
        doubt_seconds: float | timedelta | None = None,
        exact_keys: bool = False,
        history: bool = True,
        history_days: int | None = 14,
        action: Literal["push", "plan", "baseline", "audit", "repair"] = "push",
        plan_path: AnyPath | None = None,
        plan_values: bool = False,
        approved_plan: str | None = None,
        audit_path: AnyPath | None = None,
        audit_values: bool = False,
        max_drifted: int | str | None = None,
        max_changes: int | str | None = None,
        limit: int | None = None,
        on_absent: Literal["ignore", "report"] | Mapping[str, Any] = "ignore",
        max_absent: int | str | None = None,
        scope: str | None = None,
        rejects_path: AnyPath | None = None,
        delivered_path: AnyPath | None = None,
        absent_path: AnyPath | None = None,
        concurrency: int | None = None,
        batch_size: int | None = None,
        quota: str | None = None,
        run: str | None = None,
        task: TaskRun | None = None,
        checkpoints: Checkpoints | None = None,
        patience: float | None = None,
    ) -> Report:
        """Push changes, or rows that ``key`` and ``fields`` map to changes, and report what became of each.

        Args: Source
            changes: an iterable of dicts, a data frame or table, the path or URI of a file (.jsonl, .json,
                .csv, .parquet), of a folder or a pattern, a list of these, or a function without arguments
                that makes any of them; or an `Announced`: rows of an outbox, read through ``sql_conn_id``,
                and files.
            sql: a query instead, sent through the connection ``sql_conn_id``.
            sql_conn_id: the connection through which the query is asked, or the outbox of events is read.
            parameters: values that the query's driver binds, by name or in order.
            null_values: texts that stand for null in a CSV file, such as "NULL"; an empty cell always does.
            csv: how CSV files are written, where they are not as most: "delimiter", "quotechar", "encoding",
                "header" (the columns of a file without a line of names), "null_values".
            only: file of keys; rows are pushed only if ``only_key`` (by default the key) is among them.
            only_key: the column that holds them.
            partition: (i, n): push only the share i, from 0, of n; the key decides.
            if_empty: "fail" (default for a path or a query) or "ok" (default for an iterable).
            if_duplicate: rows of one key: the "last" wins; or all of them are "invalid"; or "fail", before
                anything is sent. The last two read the whole source first.
            max_record_bytes: a larger change is invalid; it bounds what is read of a line, too.

        Args: Changes
            key: column of the key; without ``fields``, rows are changes already (``{"key", "fields"}``).
            fields: vendor field (its id or label) to column, or to an expression of
                `airflow_profile_provider.fields`; a list where the names agree.
            key_type: what the key is: "id" (the default).
            version: column that orders the changes of a key.
            nulls: "clear", "skip" or "invalid"; "clear" by default.
            match: one field of the vendor's to the column with its value: the key is then your own, and the
                vendor's profile is found by that field, once, and remembered in the ledger.
            relationships: relationship to operation to column, where the vendor has them.
            set_if_empty: those of the vendor's fields that are only set where the vendor holds nothing; each
                profile is read before, where it is not anyway.

        Args: Ledger
            ledger_conn_id: connection of the database that remembers what the vendor acknowledged.
            changed_fields_only: with a ledger, send only the fields that changed.
            ignore_ledger: send everything, and write down what is acknowledged.
            mixed_key_types: use the ledger though it knows this target by another key type, too.
            doubt_seconds: how long an attempt that got no answer may still arrive at the vendor (900): with a
                ledger, its record is sent once more after that. 0: an acknowledgement is the last word.
            exact_keys: take each spelling of a key (its case, blanks around it) for a profile of its own;
                else those that the vendor may take for one never overtake each other, and are judged as one.
            history: with a ledger, write a line for each record that was sent or refused into its
                `profile_history`.
            history_days: how many days these lines are kept.

        Args: What is sent
            action: "push"; "plan": say what would be sent; "baseline": fill the ledger as if all had been
                acknowledged; "audit": read what the vendor holds, and compare; "repair": audit, and push what
                differs. Plan, baseline and audit send nothing.
            plan_path: where a plan goes, a line for each change.
            plan_values: put the values into it, too.
            approved_plan: the id of a plan: nothing is sent unless it would be exactly that; of a repair, the
                id of an audit.
            audit_path: where an audit puts a line for each record that differs or is missing.
            audit_values: put the values into it, too.
            max_drifted: of a repair, a count or a share of the records such as "5%": where more differ than
                that, nothing is sent.
            max_changes: a count, or a share of the records such as "20%": more than that is not sent at all.
            limit: send the first so many records that would be sent; the others are "planned", and stay to be
                sent.
            on_absent: with a ledger, what is done about keys that this push has delivered and that its
                source, read to the end, no longer has: "ignore"; "report" counts and lists them; a mapping of
                vendor field to a constant is sent to each, once.
            max_absent: a count, or a share of those keys: if more are absent, nothing is sent to any of them,
                and ``red_reason`` says so. By default 20%, and at least 10.
            scope: names this push among those to its target, so that none takes another's keys for absent.

        Args: Outputs
            rejects_path: where undelivered changes go; that file can be pushed again.
            delivered_path: where the acknowledged keys go.
            absent_path: where the keys go that are absent.

        Args: Delivery
            concurrency: requests in flight, instead of the connection's.
            batch_size: records a request, instead of the connection's.
            quota: such as "10/1s, 150/60s" or "none", instead of the connection's.
            run: with a ledger, whom its lease belongs to and in which run a refusal counts.
            task: which task the history names; None: ``run`` alone.
            checkpoints: where the push keeps how far it has come, and finds how far an earlier try came.
            patience: with checkpoints, a wait for the quota of more seconds than this ends the push.

        Args: Lightfield's own
            mode: "update" changes existing accounts, "upsert" makes those that are missing, "create"
                makes new ones; the last two need ``match``.

        Returns:
            the report, whatever the verdicts.

        Raises:
            ConfigurationError: the connection or an argument is wrong; nothing was sent.
            SourceError: the source cannot be read or must not be empty; nothing was sent.
            Paused: the wait is longer than ``patience``; another push with the same checkpoints goes on.
            PushStopped: the push ended early; the report is on the error.
        """
        return super().push(
            changes,
            mode=mode,
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
            match=match,
            relationships=relationships,
            set_if_empty=set_if_empty,
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
            rejects_path=rejects_path,
            delivered_path=delivered_path,
            absent_path=absent_path,
            concurrency=concurrency,
            batch_size=batch_size,
            quota=quota,
            run=run,
            task=task,
            checkpoints=checkpoints,
            patience=patience,
        )

    def update_profile(  # type: ignore[override]
        self,
        key: str | int,
        fields: Mapping[str, Any],
        *,
        mode: Literal["update", "upsert", "create"] = "update",
        key_type: Literal["id"] | None = None,
        relationships: Mapping[str, Mapping[str, Any]] | None = None,
        nulls: Literal["clear", "skip", "invalid"] | None = None,
        quota: str | None = None,
    ) -> Verdict:
        """Update one profile and return "pushed" or "created", or "unchanged" if it was read and held that.

        ``fields`` are named by their ids; where one of the names can only be a label, the vendor is asked.

        Raises:
            ConfigurationError: the connection or an argument is wrong.
            InvalidRecord: the change cannot be sent as it is.
            RecordRefused: the vendor refused it.
            Retriable: no acknowledgement after all retries.
            PushStopped: the credential or the host is wrong.
        """
        return super().update_profile(
            key, fields, mode=mode, key_type=key_type, relationships=relationships, nulls=nulls, quota=quota
        )

    def explain(  # type: ignore[override]
        self,
        wanted: str | int,
        /,
        records: Any = None,
        *,
        send: bool = False,
        mode: Literal["update", "upsert", "create"] = "update",
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        null_values: Sequence[str] | None = None,
        csv: Mapping[str, Any] | None = None,
        max_record_bytes: int | None = 1_000_000,
        key: str | None = None,
        fields: Mapping[str, str | Expression] | Sequence[str] | None = None,
        key_type: Literal["id"] | None = None,
        version: str | None = None,
        nulls: Literal["clear", "skip", "invalid"] | None = None,
        match: Mapping[str, str] | None = None,
        relationships: ColumnsOf | None = None,
        set_if_empty: Sequence[str] | None = None,
        ledger_conn_id: str | None = None,
        changed_fields_only: bool = False,
        ignore_ledger: bool = False,
        mixed_key_types: bool = False,
        doubt_seconds: float | timedelta | None = None,
        exact_keys: bool = False,
    ) -> Explanation:
        """Say what a push with these options would do with one key, and why.

        Nothing is sent and nothing is written down; with ``send`` the rows of the key, and only those, are
        pushed, and the answers shown. Options that mean nothing for one key, such as ``partition``, are
        refused.

        Raises:
            ConfigurationError: the connection or an argument is wrong.
            SourceError: the source cannot be read.
            PushStopped: the ledger's database failed, or somebody else's code.
        """
        return super().explain(
            wanted,
            records,
            send=send,
            mode=mode,
            sql=sql,
            sql_conn_id=sql_conn_id,
            parameters=parameters,
            null_values=null_values,
            csv=csv,
            max_record_bytes=max_record_bytes,
            key=key,
            fields=fields,
            key_type=key_type,
            version=version,
            nulls=nulls,
            match=match,
            relationships=relationships,
            set_if_empty=set_if_empty,
            ledger_conn_id=ledger_conn_id,
            changed_fields_only=changed_fields_only,
            ignore_ledger=ignore_ledger,
            mixed_key_types=mixed_key_types,
            doubt_seconds=doubt_seconds,
            exact_keys=exact_keys,
        )

    # -- end
