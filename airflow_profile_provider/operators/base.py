"""What every vendor's operator shares: its arguments, and whether the task is red or green."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, BaseOperator

from airflow_profile_provider import options as arguments
from airflow_profile_provider.adapters.checkpoints import TaskCheckpoints
from airflow_profile_provider.adapters.configuration import default_deferrable, seconds_of
from airflow_profile_provider.errors import (
    ConfigurationError,
    Paused,
    ProfileError,
    PushStopped,
    SourceError,
    sorted_error,
    where_raised,
)
from airflow_profile_provider.lineage.assets import announce
from airflow_profile_provider.lineage.mixin import LineageMixin
from airflow_profile_provider.operators.events import FromEvents
from airflow_profile_provider.operators.held import (
    HeldRecords,
    checking,
    given_parameters,
    held,
    hold_defaults,
)
from airflow_profile_provider.operators.names import mapped_name, run_of, scope_of, task_of, tried_name
from airflow_profile_provider.operators.outcome import (
    allowed_failures,
    nothing_known,
    problem_of,
    push_retry_policy,
    red,
    words_of,
)
from airflow_profile_provider.operators.templates import TemplatesMixin
from airflow_profile_provider.options import Share
from airflow_profile_provider.push.options import OPTION_NAMES

if TYPE_CHECKING:
    from typing import Unpack

    from airflow.providers.common.compat.sdk import BaseOperatorLink, Context, XComArg
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from airflow_profile_provider.fields import Expression
    from airflow_profile_provider.hooks.base import ProfileHook
    from airflow_profile_provider.operators.arguments import OperatorArguments
    from airflow_profile_provider.options import Action, AnyPath, IfDuplicate, IfEmpty, Nulls, OnAbsent
    from airflow_profile_provider.reports import Report
    from airflow_profile_provider.vendors.base import Vendor


OPTIONS = tuple(name for name in OPTION_NAMES if name != "relationships")
"""The hook's options that each vendor's operator has; relationships are those of one vendor."""
_OF_SCOPE = ("on_absent", "partition")


class PushProfilesOperator(TemplatesMixin, LineageMixin, BaseOperator):
    """Push profile changes to a vendor, and turn red when what was promised did not happen.

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
    :param key_type: which of the vendor's identifiers the key is; the first by default.
    :param version: column that orders the changes of a key, of one run and, with a ledger, of all.
    :param nulls: "clear", "skip" or "invalid"; the vendor's default otherwise.
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

    template_fields: Sequence[str] = ("records", *OPTIONS, "max_failed", "resume", "deferrable")
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers = {"fields": "json", "match": "json", "sql": "sql"}  # noqa: RUF012 -- as BaseOperator declares it
    shallow_copy_attrs: Sequence[str] = ("_BaseOperator__init_kwargs",)  # no generator can be copied
    ui_color = "#d8e8f8"
    sql: str | None
    sql_conn_id: str | None
    parameters: Any
    key: str | None
    key_type: str | None
    fields: Mapping[str, str | Expression] | Sequence[str] | None
    only: str | os.PathLike[str] | None
    if_empty: str | None
    rejects_path: str | os.PathLike[str] | None
    delivered_path: str | os.PathLike[str] | None
    absent_path: str | os.PathLike[str] | None
    scope: str | None
    action: str
    plan_path: str | os.PathLike[str] | None
    audit_path: str | os.PathLike[str] | None
    max_drifted: int | str | None
    approved_plan: Any
    report: Report | None = None
    """What became of the changes, once the push has ended; links and lineage read it."""
    defer_seconds: float | None = None
    """A deferrable task frees its slot for longer waits than this; None: ``[profiles] defer_seconds``."""
    gives_records: ClassVar[bool] = False
    """Whether the task makes its records itself."""

    def __init__(
        self,
        *,
        records: Any = None,
        sql: str | XComArg | None = None,
        sql_conn_id: str | XComArg | None = None,
        parameters: Mapping[str, Any] | Sequence[Any] | XComArg | None = None,
        null_values: Sequence[str] | XComArg = (),
        csv: Mapping[str, Any] | str | XComArg | None = None,
        only: AnyPath | XComArg | None = None,
        only_key: str | XComArg | None = None,
        partition: tuple[int, int] | str | XComArg | None = None,
        if_empty: IfEmpty | XComArg | None = None,
        if_duplicate: IfDuplicate | XComArg = "last",
        max_record_bytes: int | str | XComArg = 1_000_000,
        key: str | XComArg | None = None,
        fields: Mapping[str, str | Expression] | Sequence[str] | XComArg | None = None,
        key_type: str | XComArg | None = None,
        version: str | XComArg | None = None,
        nulls: Nulls | XComArg | None = None,
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
        action: Action | XComArg = "push",
        plan_path: AnyPath | XComArg | None = None,
        plan_values: bool | str | XComArg = False,
        approved_plan: str | XComArg | None = None,
        audit_path: AnyPath | XComArg | None = None,
        audit_values: bool | str | XComArg = False,
        max_drifted: int | str | XComArg | None = None,
        max_changes: int | str | XComArg | None = None,
        limit: int | str | XComArg | None = None,
        on_absent: OnAbsent | Mapping[str, Any] | str | XComArg = "ignore",
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
        given = locals()
        by_default = (kwargs.get("default_args") or {}).get("retry_policy")
        if policy := kwargs.get("retry_policy") or by_default or push_retry_policy():
            kwargs["retry_policy"] = policy
        super().__init__(**kwargs)
        for name in OPTIONS:
            setattr(self, name, given[name])
        self.records = records
        self.max_failed = max_failed
        self.resume = resume
        self.deferrable = default_deferrable() if deferrable is None else deferrable
        hold_defaults(kwargs.get("dag"), PushProfilesOperator.template_fields)
        if not getattr(self, "_BaseOperator__from_mapped", False):
            from airflow_profile_provider.operators.checked import check_task

            check_task(self, given)

    @classmethod
    def partial(cls, **kwargs: Any) -> OperatorPartial:
        """Return what `expand` maps; records that are given here or there stay out of the serialized DAG."""
        return checking(super().partial(**kwargs))

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; what holds records is held where Jinja, the database and the UI do not look."""
        super().__setattr__(name, held(name, value) if name in self.template_fields else value)

    @property
    def operator_extra_links(self) -> Collection[BaseOperatorLink]:  # type: ignore[override]
        """Buttons on the task's page; a property, so that parsing a DAG need not import them."""
        from airflow_profile_provider.operators.links import links_of

        return links_of(self)

    @classmethod
    def rules(cls) -> type[Vendor] | None:
        """The vendor's rules, by which arguments are checked when a DAG is parsed, too; none by default."""
        return None

    @cached_property
    def hook(self) -> ProfileHook:
        """The vendor's hook."""
        raise NotImplementedError

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {}

    def planned(self, **changes: Any) -> Self:
        """Return the task that plans this push: with the same arguments, but for ``changes``.

        This push is then made to send exactly what that plan found, or nothing (``approved_plan``). Not taken
        over are ``delivered_path``, ``outlets``, ``retries``, ``trigger_rule``, and the task's docs. The
        task's id is ``plan_<this one's>``; its XComs ``plan`` and ``plan_summary`` are the plan's id and, as
        Markdown, what it would send.

        Raises:
            TypeError: another action is asked for.
        """
        from airflow_profile_provider.operators.planned import plan_of

        return plan_of(self, changes)

    def execute(self, context: Context) -> dict[str, Any]:
        """Push, and return the report."""
        return self._deliver(context)

    def go_on(
        self, context: Context, event: Any = None, checkpoint: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on after the worker slot was given back."""
        return self._deliver(context, checkpoint)

    def _deliver(self, context: Context, checkpoint: dict[str, Any] | None = None) -> dict[str, Any]:
        checkpoints: TaskCheckpoints | None = None
        try:
            allowed = allowed_failures(self.max_failed)
            resume = arguments.flag("resume", self.resume, default=True)
            checkpoints = TaskCheckpoints(context, resume=resume, given=checkpoint)
            report = self._push(context, checkpoints)
        except Paused as paused:
            self._give_slot_back(paused)
        except ProfileError as error:
            failure = error
        except AirflowException:
            raise
        except Exception as error:  # noqa: BLE001 -- sorted: no foreign error leaves a push
            failure = sorted_error(error, "the task")
        except BaseException as struck:
            self._leave_struck(struck, context)
            raise
        else:
            return self._judged(report, allowed, context, checkpoints)
        raise self._stopped(failure, context, checkpoints)

    def _judged(
        self, report: Report, allowed: Share, context: Context, checkpoints: TaskCheckpoints
    ) -> dict[str, Any]:
        """Return the report of a push that ran to its end, or fail the task."""
        self.report = report
        if self.action in {"plan", "audit"}:
            self._leave_plan(report, context)
        problems = (problem_of(report, allowed), self._drifted_too_much(report), self.hook.red_reason)
        if problem := "; ".join(filter(None, problems)):
            self._leave(report, context)
            failed = red(words_of(problem, report), report)
            if isinstance(failed, AirflowFailException):
                checkpoints.clear(str(report))
            raise failed
        checkpoints.clear(str(report))
        if report.rejects:
            often = f"; most often: {report.top_reason}" if report.top_reason else ""
            self.log.info("What was not delivered is in the rejects file: %s%s", report.rejects, often)
        self._announce(context, report, perhaps_more=checkpoints.retried)
        return report.as_dict()

    def _stopped(
        self, failure: ProfileError, context: Context, checkpoints: TaskCheckpoints | None
    ) -> AirflowException:
        """Leave the report of a push that stopped, and return the error that fails the task."""
        report = self.report = failure.report or nothing_known()
        self._leave(report, context)
        failed = red(words_of(str(failure), report), report, failure)
        if isinstance(failed, AirflowFailException) and checkpoints and isinstance(failure, PushStopped):
            checkpoints.clear(str(report))
        return failed

    def _leave_struck(self, struck: BaseException, context: Context) -> None:
        """Leave the report of a push that a time-out or a signal ended, also in the error's own words."""
        report: Report = getattr(struck, "report", None) or nothing_known()
        self.report = report
        self._leave(report, context)
        words = words_of(str(struck) or type(struck).__name__, report)
        self.log.error("%s", words)
        if not isinstance(struck, SystemExit):
            struck.args = (words,)

    def _give_slot_back(self, paused: Paused) -> NoReturn:
        """Wait in the triggerer: nothing is sent from there."""
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.log.info("Freeing the worker slot: %s", paused)
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=paused.after or 0)),
            method_name="go_on",
            kwargs={"checkpoint": paused.checkpoint.as_dict() if paused.checkpoint else None},
        )

    def _push(self, context: Context, checkpoints: TaskCheckpoints) -> Report:
        for name in self.template_fields:
            if name != "records" and isinstance(getattr(self, name), HeldRecords):
                raise ConfigurationError(
                    f"{name} holds records, or rendered to their text: give its own value"
                )
            if name.endswith("_conn_id") and name not in {"sql_conn_id", "ledger_conn_id"}:
                setattr(self, name, arguments.text(name, getattr(self, name) or ""))
        deferrable = arguments.flag("deferrable", self.deferrable, default=False)
        records = self._given_records(context)
        if records is None and self.sql is None:
            if self.if_empty != "ok":
                raise SourceError('records is None, not a list or a path; if that is fine, set if_empty="ok"')
            records = []
        options = {name: getattr(self, name) for name in OPTIONS}
        options["parameters"] = given_parameters(self.parameters)
        options["plan_path"] = mapped_name("plan_path", self.plan_path, context)
        options["audit_path"] = mapped_name("audit_path", self.audit_path, context)
        options["delivered_path"] = mapped_name("delivered_path", self.delivered_path, context)
        options["absent_path"] = mapped_name("absent_path", self.absent_path, context)
        options["scope"] = scope_of(self.scope, context, **{name: options[name] for name in _OF_SCOPE})
        options["rejects_path"] = tried_name(self.rejects_path, context)
        return self.hook.push(
            records,
            **options,
            run=run_of(context),
            task=task_of(context),
            checkpoints=checkpoints,
            patience=self._patience if deferrable else None,
            **self.vendor_options,
        )

    @property
    def _patience(self) -> float:
        return seconds_of("defer_seconds") if self.defer_seconds is None else self.defer_seconds

    def _given_records(self, context: Context) -> Any:
        """Return the records, or where they are; None where none were given."""
        records = self.records.taken() if isinstance(self.records, HeldRecords) else self.records
        if isinstance(records, FromEvents):
            return records.announced(context, has_outbox=self.sql_conn_id is not None)
        return records

    def _leave_plan(self, report: Report, context: Context) -> None:
        """Push the plan's id and its summary to XCom, for whoever approves it."""
        plan = self.hook.last_plan
        if plan:
            self._tell(context, "plan", plan.plan_id)
            self._tell(context, "plan_summary", plan.summary(report))

    def _drifted_too_much(self, report: Report) -> str:
        from airflow_profile_provider.push.findings import drift_problem  # heavy for a DAG's parsing

        most = arguments.share("max_drifted", self.max_drifted)
        return drift_problem(report.differing, report.received, most) if self.action == "audit" else ""

    def _announce(self, context: Context, report: Report, *, perhaps_more: bool) -> None:
        """Tell the outlets; what an earlier try delivered may stand in no report but as unchanged."""
        changed = report.acknowledged > 0 or (perhaps_more and report.unchanged + report.superseded > 0)
        announce(context, self.outlets, report, changed=changed, asset=lambda: self.hook.address)

    def _leave(self, report: Report, context: Context) -> None:
        """Push the report to XCom: a task that fails returns nothing."""
        if self.do_xcom_push:
            self._tell(context, "return_value", report.as_dict())

    def _tell(self, context: Context, key: str, value: Any) -> None:
        """Push to XCom; an Airflow that does not take it changes nothing of what was pushed to the vendor."""
        if "ti" not in context:
            return
        try:
            context["ti"].xcom_push(key=key, value=value)
        except Exception as error:  # noqa: BLE001 -- Airflow's client has errors of its own
            self.log.warning("XCom %s could not be pushed (%s): %s", key, where_raised(error), value)

    def on_kill(self) -> None:
        """Send nothing more, settle and report what is in flight."""
        self.hook.stop()
