"""What every vendor's operator shares: its arguments, and whether the task is red or green."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_profile_provider.errors import (
    ConfigurationError,
    CredentialRefused,
    MassFailure,
    Paused,
    PushStopped,
    SourceError,
)
from airflow_profile_provider.operators.allowed import Allowed
from airflow_profile_provider.operators.assets import announce
from airflow_profile_provider.operators.checkpoints import TaskCheckpoints
from airflow_profile_provider.operators.events import FromEvents
from airflow_profile_provider.operators.lineage import LineageMixin
from airflow_profile_provider.operators.retrying import PushFailed, push_retry_policy
from airflow_profile_provider.records import Report

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink, Context

    from airflow_profile_provider.hooks.base import ProfileHook


class HeldRecords:
    """Records that were given as such, kept out of Jinja, of the database and of the UI."""

    def __init__(self, records: Any) -> None:
        self.records = records

    def __len__(self) -> int:
        return len(self.records) if isinstance(self.records, Sequence) else 1

    def __repr__(self) -> str:
        return f"<{len(self)} records>"


class PushProfilesOperator(LineageMixin, BaseOperator):
    """Push profile changes to a vendor, and turn red when what was promised did not happen.

    :param records: a list, an XComArg, or the path or URI of a .jsonl, .csv (.gz) or .parquet file; or
        `from_events()`: what the events announce that started the run.
    :param sql: a query instead.
    :param sql_conn_id: the connection through which the query is asked, or the outbox of events is read.
    :param key: column of the key (no meaning where ``fields`` is None).
    :param fields: vendor field to column, or a list where the names agree; None: rows are changes already.
    :param key_type: which of the vendor's identifiers the key is; the first by default.
    :param version: column that orders the changes of a key, of one run and, with a ledger, of all.
    :param nulls: "clear", "skip" or "invalid"; the vendor's default otherwise.
    :param only: a file of keys (another push's ``delivered_path``): push these alone.
    :param only_key: the column that holds them; the key's by default.
    :param partition: (i, n): push the share i, from 0, of n; the key decides.
    :param if_empty: "fail" (default for a path or a query) or "ok" (default for a list and for events).
    :param max_changes: a count, or a share of the records such as "20%": more than that stops the task, red,
        before anything is sent.
    :param max_failed: how many changes may fail before the task is red: a count, or "1%" of those that needed
        delivery.
    :param rejects_path: file or folder (ending in a slash) for undelivered changes, which ``records`` takes
        again; DAG, run, task, map index and try are put into the name.
    :param delivered_path: file for the acknowledged keys; a mapped task puts its map index into the name.
    :param concurrency: requests in flight; ``batch_size``: records a request; ``quota``: such as
        "10/1s, 150/60s" or "none". Each replaces the connection's.
    :param max_record_bytes: a larger change is invalid.
    :param ledger_conn_id: SQL connection that remembers what the vendor acknowledged, so that only what
        changed is sent.
    :param changed_fields_only: with a ledger, send only the fields that changed.
    :param ignore_ledger: send everything, and write down what is acknowledged.
    :param mixed_key_types: use the ledger though it knows this target by another key type, too.
    :param exact_keys: take each spelling of a key (its case, blanks around it) for a profile of its own.
    :param action: "push"; "plan": say what would be sent (XCom ``plan`` is its id, ``plan_summary`` is
        Markdown); "baseline": fill the ledger as if all had been acknowledged. These two send nothing.
    :param plan_path: a file for the plan; ``plan_values`` puts values into it.
    :param approved_plan: id of a plan: nothing is sent unless it would be exactly that.
    :param resume: whether a retry goes on where the try before it ended (Airflow 3.3); else it starts again.
    :param deferrable: give the worker slot back while the quota allows no request for `defer_seconds`.

    The report is returned, and pushed to XCom before a red task fails, too. Refusals alone fail the task for
    good, because a retry cannot help them; whatever got no answer fails it so that Airflow's retries apply,
    from Airflow 3.3 on by a policy of its own (``retry_policy``) that waits as long as the vendor asked.
    """

    template_fields: Sequence[str] = (
        "records",
        "sql",
        "sql_conn_id",
        "key",
        "fields",
        "key_type",
        "version",
        "nulls",
        "only",
        "only_key",
        "partition",
        "if_empty",
        "max_failed",
        "max_changes",
        "rejects_path",
        "delivered_path",
        "quota",
        "ledger_conn_id",
        "action",
        "plan_path",
        "approved_plan",
    )
    template_fields_renderers = {"fields": "json", "sql": "sql"}  # noqa: RUF012 -- as BaseOperator declares it
    ui_color = "#d8e8f8"
    report: Report | None = None
    """What became of the changes, once the push has ended; links and lineage read it."""
    defer_seconds = 30.0
    """A deferrable task gives its slot back for waits longer than this."""

    def __init__(
        self,
        *,
        records: Any = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        key: str | None = None,
        fields: Mapping[str, str] | Sequence[str] | None = None,
        key_type: str | None = None,
        version: str | None = None,
        nulls: str | None = None,
        only: str | os.PathLike[str] | None = None,
        only_key: str | None = None,
        partition: tuple[int, int] | None = None,
        if_empty: str | None = None,
        max_failed: int | str = 0,
        max_changes: int | str | None = None,
        rejects_path: str | os.PathLike[str] | None = None,
        delivered_path: str | os.PathLike[str] | None = None,
        concurrency: int | None = None,
        batch_size: int | None = None,
        quota: str | None = None,
        max_record_bytes: int = 1_000_000,
        ledger_conn_id: str | None = None,
        changed_fields_only: bool = False,
        ignore_ledger: bool = False,
        mixed_key_types: bool = False,
        exact_keys: bool = False,
        action: str = "push",
        plan_path: str | os.PathLike[str] | None = None,
        plan_values: bool = False,
        approved_plan: str | None = None,
        resume: bool = True,
        deferrable: bool = False,
        **kwargs: Any,
    ) -> None:
        if policy := kwargs.get("retry_policy") or push_retry_policy():
            kwargs["retry_policy"] = policy
        super().__init__(**kwargs)
        self.records = records
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.key = key
        self.fields = fields
        self.key_type = key_type
        self.version = version
        self.nulls = nulls
        self.only = only
        self.only_key = only_key
        self.partition = partition
        self.if_empty = if_empty
        self.max_failed = max_failed
        self.max_changes = max_changes
        self.rejects_path = rejects_path
        self.delivered_path = delivered_path
        self.concurrency = concurrency
        self.batch_size = batch_size
        self.quota = quota
        self.max_record_bytes = max_record_bytes
        self.ledger_conn_id = ledger_conn_id
        self.changed_fields_only = changed_fields_only
        self.ignore_ledger = ignore_ledger
        self.mixed_key_types = mixed_key_types
        self.exact_keys = exact_keys
        self.action = action
        self.plan_path = plan_path
        self.plan_values = plan_values
        self.approved_plan = approved_plan
        self.resume = resume
        self.deferrable = deferrable

    @property
    def records(self) -> Any:
        """What to push. A list, also one that an XComArg resolves to, is held where Jinja does not look."""
        return self._records

    @records.setter
    def records(self, value: Any) -> None:
        is_path = isinstance(value, str | os.PathLike) or hasattr(value, "open")
        is_resolved_later = hasattr(value, "resolve")
        is_held = isinstance(value, HeldRecords | FromEvents)
        kept = value is None or is_path or is_resolved_later or is_held
        self._records = value if kept else HeldRecords(value)

    @property
    def operator_extra_links(self) -> Collection[BaseOperatorLink]:  # type: ignore[override]
        """Buttons on the task's page; a property, so that parsing a DAG need not import them."""
        from airflow_profile_provider.operators.links import RejectsLink, VendorLink

        return (VendorLink(), RejectsLink())

    @property
    def hook(self) -> ProfileHook:
        """The vendor's hook."""
        raise NotImplementedError

    @property
    def vendor_options(self) -> dict[str, Any]:
        """The options that only this vendor has."""
        return {}

    def execute(self, context: Context) -> dict[str, Any]:
        """Push, and return the report."""
        return self._deliver(context, TaskCheckpoints(context, resume=self.resume))

    def go_on(
        self, context: Context, event: Any = None, checkpoint: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Go on after the worker slot was given back."""
        return self._deliver(context, TaskCheckpoints(context, resume=self.resume, given=checkpoint))

    def _deliver(self, context: Context, checkpoints: TaskCheckpoints) -> dict[str, Any]:
        allowed = Allowed.of(self.max_failed)
        try:
            report = self._push(context, checkpoints)
        except Paused as paused:
            self._give_slot_back(paused)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from None
        except SourceError as error:
            raise AirflowException(str(error)) from None
        except PushStopped as stopped:
            self.report = stopped.report
            if stopped.report is None:
                raise AirflowException(str(stopped)) from None
            self._leave(stopped.report, context)
            red = _red(str(stopped), stopped.report, stopped)
            if isinstance(red, AirflowFailException):
                checkpoints.clear()
            raise red from None
        self.report = report
        if self.action == "plan":
            self._leave_plan(report, context)
        if problem := allowed.exceeded_by(report):
            self._leave(report, context)
            red = _red(problem, report)
            if isinstance(red, AirflowFailException):
                checkpoints.clear()
            raise red
        checkpoints.clear()
        self._announce(context, report, perhaps_more=checkpoints.retried)
        return report.as_dict()

    def _give_slot_back(self, paused: Paused) -> NoReturn:
        """Wait in the triggerer: nothing is sent from there."""
        from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

        self.log.info("Giving the worker slot back: %s", paused)
        self.defer(
            trigger=TimeDeltaTrigger(timedelta(seconds=paused.after or 0)),
            method_name="go_on",
            kwargs={"checkpoint": paused.checkpoint.as_dict() if paused.checkpoint else None},
        )

    def _push(self, context: Context, checkpoints: TaskCheckpoints) -> Report:
        records = self.records.records if isinstance(self.records, HeldRecords) else self.records
        if isinstance(records, FromEvents):
            records = records.announced(context, has_outbox=self.sql_conn_id is not None)
        if isinstance(records, str) and records.strip() in {"", "None"}:
            raise ConfigurationError("records rendered to nothing; give a path, or a list by an XComArg")
        if records is None and self.sql is None:
            if self.if_empty != "ok":
                raise SourceError(
                    'records came to None, not to a list or a path; if that may be, say if_empty="ok"'
                )
            records = []
        return self.hook.push(
            records,
            sql=self.sql,
            sql_conn_id=self.sql_conn_id,
            version=self.version,
            partition=_share(self.partition),
            max_changes=self.max_changes,
            ledger_conn_id=self.ledger_conn_id,
            changed_fields_only=self.changed_fields_only,
            ignore_ledger=self.ignore_ledger,
            mixed_key_types=self.mixed_key_types,
            exact_keys=self.exact_keys,
            action=self.action,
            plan_path=_mapped(self.plan_path, context),
            plan_values=self.plan_values,
            approved_plan=self.approved_plan,
            run=_run_of(context),
            key=self.key,
            fields=self.fields,
            key_type=self.key_type,
            nulls=self.nulls,
            only=None if self.only is None else str(self.only),
            only_key=self.only_key,
            if_empty=self.if_empty,
            rejects_path=None if self.rejects_path is None else _tried(str(self.rejects_path), context),
            delivered_path=_mapped(self.delivered_path, context),
            concurrency=self.concurrency,
            batch_size=self.batch_size,
            quota=self.quota,
            max_record_bytes=self.max_record_bytes,
            checkpoints=checkpoints,
            patience=self.defer_seconds if self.deferrable else None,
            **self.vendor_options,
        )

    def _leave_plan(self, report: Report, context: Context) -> None:
        """Push the plan's id and its summary to XCom, for whoever approves it."""
        plan = self.hook.last_plan
        if plan and "ti" in context:
            counts = {"unchanged": report.unchanged, "invalid": report.invalid}
            counts |= {"superseded": report.superseded, "quarantined": report.quarantined}
            context["ti"].xcom_push(key="plan", value=plan.plan_id)
            context["ti"].xcom_push(key="plan_summary", value=plan.summary(report.received, counts))

    def _announce(self, context: Context, report: Report, *, perhaps_more: bool) -> None:
        """Tell the outlets; what an earlier try delivered may stand in no report but as unchanged."""
        changed = report.acknowledged > 0 or (perhaps_more and report.unchanged + report.superseded > 0)
        announce(context, self.outlets, report, changed=changed, asset=lambda: self.hook.address)

    def _leave(self, report: Report, context: Context) -> None:
        """Push the report to XCom: a task that fails returns nothing."""
        if self.do_xcom_push and "ti" in context:
            context["ti"].xcom_push(key="return_value", value=report.as_dict())

    def on_kill(self) -> None:
        """Send nothing more, settle and report what is in flight."""
        self.hook.stop()


def _red(problem: str, report: Report, stopped: PushStopped | None = None) -> AirflowException:
    """Return the error that fails the task, for good where there are only refusals: no retry helps those."""
    rejects = f"; rejects: {report.rejects}" if report.rejects else ""
    text = f"{problem}. {report}{rejects}"
    unfinished = stopped is not None and not isinstance(stopped, MassFailure)
    if not (report.failed or report.unsent or unfinished):
        return AirflowFailException(text)
    return PushFailed(
        text, hopeless=isinstance(stopped, CredentialRefused), after=stopped.after if stopped else None
    )


def _share(partition: Any) -> Any:
    """Return a partition that may have been rendered from a template, as "(0, 4)"."""
    if isinstance(partition, str):
        found = re.fullmatch(r"\s*[(\[]?\s*(\d+)\s*,\s*(\d+)\s*[)\]]?\s*", partition)
        return (int(found[1]), int(found[2])) if found else partition
    return partition


def _run_of(context: Context) -> str | None:
    """Name the task instance, the same in each of its tries; None outside of Airflow."""
    ti = context.get("ti")
    if ti is None:
        return None
    return " ".join(str(getattr(ti, name, "")) for name in ("dag_id", "run_id", "task_id", "map_index"))


def _map_index(context: Context) -> int | None:
    """Return which of the mapped tasks this is; None where it is the only one."""
    index = getattr(context.get("ti"), "map_index", None)
    return index if isinstance(index, int) and index >= 0 else None


def _mapped(path: Any, context: Context) -> str | None:
    """Put a mapped task's index into the name of a file, if there is one: its siblings write theirs."""
    index = _map_index(context)
    if path is None or index is None:
        return None if path is None else str(path)
    stem, ending = re.fullmatch(r"(.*?)((?:\.[A-Za-z]\w*)?(?:\.gz)?)", str(path)).groups()  # type: ignore[union-attr]
    return f"{stem}.{index}{ending}"


def _tried(path: str, context: Context) -> str:
    """Put DAG, run, task, map index and try into the name of a rejects file."""
    ti = context.get("ti")
    parts = [
        getattr(ti, "dag_id", None),
        getattr(ti, "run_id", None),
        getattr(ti, "task_id", None),
        _map_index(context),
        getattr(ti, "try_number", None),
    ]
    name = ".".join(re.sub(r"[^\w-]+", "_", str(part)) for part in parts if part is not None)
    if path.endswith("/"):
        return f"{path}{name or 'rejects'}.jsonl"
    stem, ending = re.fullmatch(r"(.*?)((?:\.jsonl)?(?:\.gz)?)", path).groups()  # type: ignore[union-attr]
    return f"{stem}{'.' if name else ''}{name}{ending or '.jsonl'}"
