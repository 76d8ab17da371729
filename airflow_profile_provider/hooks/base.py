"""What every vendor's hook shares: a push over its connection, and single updates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from airflow_profile_provider.errors import ProfileError, sorted_error, unchained
from airflow_profile_provider.hooks.connected import ConnectedHook
from airflow_profile_provider.hooks.guard import Guard
from airflow_profile_provider.hooks.opening import Opener
from airflow_profile_provider.mapping.field_mapping import ColumnsOf, FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.options import columns, require_records
from airflow_profile_provider.push.assembly import Assembly
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.push.learning import named_by_ids
from airflow_profile_provider.push.options import EXPLAINED, PushOptions
from airflow_profile_provider.push.review import PlanReview
from airflow_profile_provider.push.surroundings import Circumstances
from airflow_profile_provider.push.watermark import Checkpoints
from airflow_profile_provider.records import Row, Verdict
from airflow_profile_provider.reports import Report, TaskRun
from airflow_profile_provider.sources.memory import require_unread

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow_profile_provider.explain.explanation import Explanation
    from airflow_profile_provider.explain.first_look import FirstLook
    from airflow_profile_provider.explain.shown import ProfileShown
    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.options import Action, AnyPath, IfDuplicate, IfEmpty, Nulls, OnAbsent

_Seen = TypeVar("_Seen")


class ProfileHook(ConnectedHook):
    """Pushes profile changes to one vendor, over one connection look-up and one pooled session.

    Subclasses name their vendor and Airflow's four attributes. Arguments beyond the connection id go to
    `HttpHook` (TCP keep-alive).
    """

    tell_seconds: float | None = None
    """How often a push says, and keeps, how far it has come; None: as ``[profiles] tell_seconds`` says."""

    def __init__(self, conn_id: str, **http: Any) -> None:
        super().__init__(conn_id, **http)
        self._guard = Guard(self.conn_type, self.log)
        self.last_plan: PlanReview | Findings | None = None

    @property
    def top_reason(self) -> str:
        """Why most of what the last push did not deliver was not delivered, without values."""
        return self._guard.top_reason

    @property
    def red_reason(self) -> str:
        """Why the last push did not do all that was asked for, though it ran to its end (``max_absent``)."""
        return self._guard.red_reason

    def push(
        self,
        changes: Any = None,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        null_values: Sequence[str] | None = None,
        csv: Mapping[str, Any] | None = None,
        only: AnyPath | None = None,
        only_key: str | None = None,
        partition: tuple[int, int] | None = None,
        if_empty: IfEmpty | None = None,
        if_duplicate: IfDuplicate = "last",
        max_record_bytes: int | None = 1_000_000,
        key: str | None = None,
        fields: Mapping[str, str | Expression] | Sequence[str] | None = None,
        key_type: str | None = None,
        version: str | None = None,
        nulls: Nulls | None = None,
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
        action: Action = "push",
        plan_path: AnyPath | None = None,
        plan_values: bool = False,
        approved_plan: str | None = None,
        audit_path: AnyPath | None = None,
        audit_values: bool = False,
        max_drifted: int | str | None = None,
        max_changes: int | str | None = None,
        limit: int | None = None,
        on_absent: OnAbsent | Mapping[str, Any] = "ignore",
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
        **vendor_options: Any,
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
            key_type: which of the vendor's identifiers the key is; the first by default.
            version: column that orders the changes of a key.
            nulls: "clear", "skip" or "invalid"; the vendor's default otherwise.
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

        Args: The vendor's own
            vendor_options: see the vendor.

        Returns:
            the report, whatever the verdicts.

        Raises:
            ConfigurationError: the connection or an argument is wrong; nothing was sent.
            SourceError: the source cannot be read or must not be empty; nothing was sent.
            Paused: the wait is longer than ``patience``; another push with the same checkpoints goes on.
            PushStopped: the push ended early; the report is on the error.
        """
        given = locals()

        def pushed(records: Any, stack: ExitStack) -> Report:
            require_unread(changes)
            owner = run or uuid4().hex
            circumstances = Circumstances(
                run=owner,
                task=task or TaskRun(run=owner),
                checkpoints=checkpoints,
                patience=patience,
                vendor_options=vendor_options,
            )
            assembly = self._assembly(records, given, circumstances, stack)
            push = assembly.push()
            self.last_plan = assembly.found
            self._guard.begin(push)
            return push.run()

        self.last_plan = None
        return self._guard.run(changes, pushed)

    def update_profile(
        self,
        key: str | int,
        fields: Mapping[str, Any],
        *,
        key_type: str | None = None,
        relationships: Mapping[str, Mapping[str, Any]] | None = None,
        nulls: Nulls | None = None,
        quota: str | None = None,
        **vendor_options: Any,
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
        vendor = self.vendor(**vendor_options)
        mapper = Mapper(vendor, FieldMapping(key_type=key_type, nulls=nulls))
        transport = self._transport(vendor, quota)
        fields = named_by_ids(fields, mapper, vendor, transport)
        content = {"key": key, "fields": fields, "relationships": relationships}
        change = mapper.change(Row(1, {name: part for name, part in content.items() if part is not None}))
        done = transport.drive(vendor.steps([change]))
        if done.warning:
            self.log.warning("The profile was pushed, but %s", done.warning)
        held = Verdict.UNCHANGED if done.unchanged else Verdict.PUSHED
        return Verdict.CREATED if done.created else held

    def explain(
        self, wanted: str | int, /, records: Any = None, *, send: bool = False, **options: Any
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
        from airflow_profile_provider.explain.explain import Watch, explain

        watch = Watch(send)
        return self._looked(
            records,
            options,
            lambda assembly: explain(assembly, wanted, watch, self.get_connection),
            learn=watch.learn,
            observer=watch.observed.append,
        )

    def show(self, wanted: str | int, /, records: Any = None, **options: Any) -> ProfileShown:
        """Read one profile from the vendor, beside what the source asks for and the ledger remembers.

        Nothing is written anywhere. The options are those of `explain`; without a source (``records`` or
        ``sql``), ``fields`` are the names of the fields to show, by default all that the vendor tells.

        Raises:
            ConfigurationError: the connection or an argument is wrong, or no profile is read by such a key.
            SourceError: the source cannot be read.
            VendorError: the vendor does not show the profile.
            PushStopped: the credential or the host is wrong, or the ledger's database failed.
        """
        from airflow_profile_provider.explain.shown import show

        has_source = records is not None or options.get("sql") is not None
        names = () if has_source else columns("fields", options.pop("fields", None)) or ()

        def look(assembly: Assembly) -> ProfileShown:
            return show(assembly, wanted, names, self.get_connection, has_source=has_source)

        return self._looked(records, options, look)

    def first_look(self, records: Any = None, **options: Any) -> FirstLook:
        """Read the first rows of a source, and ask the vendor for its fields, so that both can be matched.

        Nothing is sent. The options are those of a push that say how a source is read.

        Raises:
            ConfigurationError: the connection or an argument is wrong, or the source is a rejects file.
            SourceError: the source cannot be read, or is empty.
        """
        from airflow_profile_provider.explain.first_look import first_look

        return self._looked(records, options, first_look)

    def _looked(
        self, records: Any, options: Mapping[str, Any], look: Callable[[Assembly], _Seen], **watched: Any
    ) -> _Seen:
        """Put a push together, and look at it instead of running it."""
        shared = {name: options[name] for name in options if name in EXPLAINED}
        own = {name: options[name] for name in options if name not in EXPLAINED}
        circumstances = Circumstances(run=f"explain {uuid4().hex}", vendor_options=own, **watched)
        failure: ProfileError
        try:
            with ExitStack() as stack:
                return look(self._assembly(records, shared, circumstances, stack))
        except ProfileError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 -- sorted: no foreign error leaves it either
            failure = sorted_error(error, "the explanation")
        raise unchained(failure)

    def _assembly(
        self, records: Any, given: Mapping[str, Any], circumstances: Circumstances, stack: ExitStack
    ) -> Assembly:
        """Read the options, and return what a push is put together from."""
        require_records(records)
        options = PushOptions.read(given)
        vendor = self.vendor(**circumstances.vendor_options)
        return Assembly(options, vendor, records, Opener(self, self._guard, records), stack, circumstances)

    def stop(self, reason: str = "the task was asked to end") -> None:
        """End the push that is under way, or the next one: settle what is in flight, and report."""
        self._guard.stop(reason)
