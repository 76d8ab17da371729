"""What every vendor's hook shares: the connection, one session, and a push over it."""

from __future__ import annotations

import math
import os
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.exceptions import AirflowException, AirflowNotFoundException
from airflow.sdk.log import mask_secret
from requests import Response, Session
from requests.adapters import HTTPAdapter

from airflow_profile_provider.adapters.files import open_file, try_out
from airflow_profile_provider.adapters.ledgers import sieve_of
from airflow_profile_provider.adapters.metrics import measure
from airflow_profile_provider.adapters.parts import parts_of
from airflow_profile_provider.adapters.settings import MOST_CONCURRENT, Settings
from airflow_profile_provider.adapters.source import source_of
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import parse_quota
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.delivery.routes import route
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    AskedToEnd,
    ConfigurationError,
    ProfileError,
    RecordRefused,
    SourceError,
    sorted_error,
    unchained,
    where_raised,
)
from airflow_profile_provider.ledger.diff import Comparing
from airflow_profile_provider.ledger.session import Sieve
from airflow_profile_provider.mapping.mapper import ColumnsOf, Planner, Recipe
from airflow_profile_provider.options import options_of, require_records
from airflow_profile_provider.push.beside import Beside
from airflow_profile_provider.push.options import MAX_RECORD_BYTES, Options
from airflow_profile_provider.push.outputs import Delivered, PlanFile, Rejects
from airflow_profile_provider.push.progress import estimate
from airflow_profile_provider.push.push import Push
from airflow_profile_provider.push.review import Gate
from airflow_profile_provider.push.watermark import Checkpoints, Resume
from airflow_profile_provider.records import Checkpoint, Report, Row, Verdict
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.batches import Block
from airflow_profile_provider.sources.keys import KeyFile, rows_only
from airflow_profile_provider.sources.partition import rows_in_partition
from airflow_profile_provider.sources.reading import LEAST_BYTES, Reading
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Rate, Request, to_json

if TYPE_CHECKING:
    from airflow.sdk import Connection

    from airflow_profile_provider.explain.explain import Explanation


_PATH = re.compile(r"/(?![/\\])[^\s\\\x00-\x20\x7f#]*")


class ProfileHook(HttpHook):
    """Pushes profile changes to one vendor, over one connection look-up and one pooled session.

    Subclasses name their vendor and Airflow's four attributes. Arguments beyond the connection id go to
    `HttpHook` (TCP keep-alive).
    """

    vendor_class: ClassVar[type[Vendor]]
    retry_rule: RetryRule = RetryRule()
    """How often and how long a request is tried."""
    tell_seconds: float = 5.0
    """How often a push says, and keeps, how far it has come."""

    def __init__(self, conn_id: str, **http: Any) -> None:
        super().__init__(http_conn_id=conn_id, **http)
        setattr(self, self.conn_name_attr, conn_id)
        self._running: Push | None = None
        self._asked_to_end: AskedToEnd | None = None
        self.top_reason = ""
        """Why most of what the last push did not deliver was not delivered, without values."""
        self._quotas: dict[tuple[Rate, ...], Quota] = {}
        self.last_plan: Gate | None = None

    @cached_property
    def settings(self) -> Settings:
        """The connection, looked up once and checked.

        Raises:
            ConfigurationError: naming every field that is missing or wrong.
        """
        return Settings.of(self.get_connection(self.http_conn_id), self.vendor_class, self.conn_type)

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Look up a connection.

        Raises:
            ConfigurationError: there is none of this name, or it cannot be read.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException:
            problem = (
                f"there is no connection {conn_id!r}, or it cannot be read: make it, or correct its name, "
                "its JSON or its port"
            )
        except (ValueError, TypeError, AttributeError) as error:  # Airflow's, for what it cannot parse
            problem = (
                f"connection {conn_id!r} cannot be read ({type(error).__name__}): check that it is JSON or a "
                "URI, and that its port is a number"
            )
        raise ConfigurationError(problem)

    @property
    def address(self) -> str:
        """What is pushed to, as the URI of an asset."""
        return self.vendor_class(self.settings.access).address

    @property
    def site(self) -> str:
        """Web address where people find what was pushed; empty where the vendor documents none."""
        return self.vendor_class(self.settings.access).site

    @cached_property
    def session(self) -> Session:
        """The pooled session: no .netrc, no cookies, proxies and certificates of the connection."""
        return self.get_conn()

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Make a session for the vendor's host.

        Unlike `HttpHook`'s, no extra of the connection becomes a header, and a default host is https.
        """
        settings = self.settings
        session = _Session()
        session.auth = None
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.verify, session.cert = settings.verify, settings.cert
        session.proxies.update(settings.proxies)
        session.headers.update(headers or {})
        session.trust_env = False  # the environment counts by our own rule, .netrc never
        adapter = self.adapter or self.keep_alive_adapter or HTTPAdapter()
        if self.adapter is None:
            adapter.init_poolmanager(4, max(64, settings.concurrency or 0))
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self.base_url, self._base_url_initialized = settings.access.host, True
        return session

    def push(
        self,
        changes: Iterable[Any] | str | os.PathLike[str] | Announced | None = None,
        *,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        key: str | None = None,
        fields: Mapping[str, str] | Sequence[str] | None = None,
        key_type: str | None = None,
        version: str | None = None,
        nulls: str | None = None,
        relationships: ColumnsOf | None = None,
        only: str | os.PathLike[str] | None = None,
        only_key: str | None = None,
        partition: tuple[int, int] | None = None,
        if_empty: str | None = None,
        max_changes: int | str | None = None,
        rejects_path: str | os.PathLike[str] | None = None,
        delivered_path: str | os.PathLike[str] | None = None,
        concurrency: int | None = None,
        batch_size: int | None = None,
        quota: str | None = None,
        max_record_bytes: int | None = MAX_RECORD_BYTES,
        null_values: Sequence[str] | None = None,
        ledger_conn_id: str | None = None,
        changed_fields_only: bool = False,
        ignore_ledger: bool = False,
        mixed_key_types: bool = False,
        doubt_seconds: float | None = None,
        exact_keys: bool = False,
        action: str = "push",
        plan_path: str | os.PathLike[str] | None = None,
        plan_values: bool = False,
        approved_plan: str | None = None,
        run: str | None = None,
        checkpoints: Checkpoints | None = None,
        patience: float | None = None,
        **vendor_options: Any,
    ) -> Report:
        """Push changes, or rows that ``key`` and ``fields`` map to changes, and report what became of each.

        Args:
            changes: an iterable of dicts, the path or URI of a .jsonl, .csv (.gz) or .parquet file, or an
                `Announced`: rows of an outbox, read through ``sql_conn_id``, and files.
            sql: a query instead, sent through the connection ``sql_conn_id``.
            key: column of the key; without ``fields``, rows are changes already (``{"key", "fields"}``).
            fields: vendor field to column, or a list where the names agree.
            key_type: which of the vendor's identifiers the key is; the first that it lists by default.
            version: column that orders the changes of a key.
            nulls: "clear", "skip" or "invalid"; the vendor's default otherwise.
            relationships: relationship to operation to column, where the vendor has them.
            only: file of keys; rows are pushed only if ``only_key`` (by default the key) is among them.
            partition: (i, n): push only the share i, from 0, of n; the key decides.
            max_changes: a count, or a share of the records such as "20%": more than that is not sent at all.
            if_empty: "fail" (default for a path or a query) or "ok" (default for an iterable).
            rejects_path: where undelivered changes go; that file can be pushed again.
            delivered_path: where the acknowledged keys go.
            concurrency, batch_size, quota: instead of the connection's.
            max_record_bytes: a larger change is invalid; it bounds what is read of a line, too.
            null_values: texts that stand for null in a CSV file, such as "NULL"; an empty cell always does.
            ledger_conn_id: connection of the database that remembers what the vendor acknowledged.
            changed_fields_only: with a ledger, send only the fields that changed.
            ignore_ledger: send everything, and write down what is acknowledged.
            mixed_key_types: use the ledger though it knows this target by another key type, too.
            doubt_seconds: how long an attempt that got no answer may still arrive at the vendor (900): with a
                ledger, its record is sent once more after that. 0: an acknowledgement is the last word.
            exact_keys: take each spelling of a key (its case, blanks around it) for a profile of its own;
                else those that the vendor may take for one never overtake each other, and are judged as one.
            action: "push"; "plan": say what would be sent; "baseline": fill the ledger as if all had been
                acknowledged. The last two send nothing.
            plan_path: where a plan goes, a line for each change; with ``plan_values``, values too.
            approved_plan: the id of a plan: nothing is sent unless it would be exactly that.
            run: with a ledger, whom its lease belongs to and in which run a refusal counts.
            checkpoints: where the push keeps how far it has come, and finds how far an earlier try came.
            patience: with checkpoints, a wait for the quota of more seconds than this ends the push.
            vendor_options: see the vendor.

        Returns:
            the report, whatever the verdicts.

        Raises:
            ConfigurationError: the connection or an argument is wrong; nothing was sent.
            SourceError: the source cannot be read or must not be empty; nothing was sent.
            Paused: the wait is longer than ``patience``; another push with the same checkpoints goes on.
            PushStopped: the push ended early; the report is on the error.
        """
        given = {
            "sql": sql,
            "sql_conn_id": sql_conn_id,
            "key": key,
            "fields": fields,
            "key_type": key_type,
            "version": version,
            "nulls": nulls,
            "relationships": relationships,
            "only": only,
            "only_key": only_key,
            "partition": partition,
            "if_empty": if_empty,
            "max_changes": max_changes,
            "rejects_path": rejects_path,
            "delivered_path": delivered_path,
            "concurrency": concurrency,
            "batch_size": batch_size,
            "quota": quota,
            "max_record_bytes": max_record_bytes,
            "null_values": null_values,
            "ledger_conn_id": ledger_conn_id,
            "changed_fields_only": changed_fields_only,
            "ignore_ledger": ignore_ledger,
            "mixed_key_types": mixed_key_types,
            "doubt_seconds": doubt_seconds,
            "exact_keys": exact_keys,
            "action": action,
            "plan_path": plan_path,
            "plan_values": plan_values,
            "approved_plan": approved_plan,
        }

        def pushed(records: Any, stack: ExitStack) -> Report:
            require_records(records)
            how = _How(run, checkpoints, patience, vendor_options)
            push, rows, blocks = self._opened(stack, records, Options.read(given), how)
            return push.run(rows, blocks)

        return self._guarded(changes, pushed)

    def _guarded(self, records: Any, pushed: Callable[[Any, ExitStack], Report]) -> Report:
        """The one way out of a push: whatever happens, one of our errors leaves it, with the report on it.

        What is no Exception (a time-out of Airflow, Ctrl-C) leaves it as it is, with the report on it, too.
        """
        self._running = None
        beside: Beside[Report] | None = None
        if threading.current_thread() is threading.main_thread():
            beside = Beside(self._strike)
            if isinstance(records, Iterator):
                records = beside.handed(records)
        failure: ProfileError
        run = partial(self._closing, records, pushed)
        try:
            report = beside.run(run) if beside else run()
        except ProfileError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 -- sorted: no foreign error leaves a push
            failure = sorted_error(error)
        except BaseException as error:
            error.report = self._report()  # type: ignore[attr-defined]
            raise
        else:
            assert report is not None
            return report
        finally:
            self._asked_to_end = None
            self.top_reason = self._running.top_reason if self._running else ""
        failure.report = failure.report or self._report()
        unchained(failure)
        raise failure

    def _closing(self, records: Any, pushed: Callable[[Any, ExitStack], Report]) -> Report:
        """Run a push, and close what it opened: what fails then changes nothing of what became of it."""
        stack = ExitStack()
        try:
            return pushed(records, stack)
        finally:
            try:
                stack.close()
            except Exception as error:  # noqa: BLE001 -- each driver has its own
                words = str(error) if isinstance(error, ProfileError) else where_raised(error)
                self.log.warning("The push is over, but not everything could be closed: %s", words)
            self._measure()

    def _measure(self) -> None:
        if self._running is None:
            return
        try:
            measure(self.conn_type, self._running.own_report())
        except Exception as error:  # noqa: BLE001 -- a backend of metrics has errors of its own
            self.log.warning("The push's metrics could not be told (%s)", where_raised(error))

    def _report(self) -> Report:
        """Return what became of the push that is under way, or ended; all zero where none had begun."""
        return self._running.report if self._running else Report(complete=False)

    def _strike(self, error: BaseException) -> None:
        """Ask the push to end, because of what struck in the main thread."""
        self.stop(_STRIKES.get(type(error).__name__, f"{type(error).__name__} was raised meanwhile"))

    def _go_on(self, seconds: float = 0.0) -> None:
        """Wait so long while a push is prepared.

        Raises:
            AskedToEnd: it was asked to end.
        """
        until = time.monotonic() + seconds
        while self._asked_to_end is None and (left := until - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        if self._asked_to_end:
            raise self._asked_to_end

    def _opened(
        self, stack: ExitStack, records: Any, options: Options, how: _How
    ) -> tuple[Push, Iterator[Row], Iterator[Block] | None]:
        """Open everything that a push needs; the stack closes it."""
        vendor = self.vendor(**how.vendor_options)
        options.require_fit(vendor)
        planner = Planner(vendor, options.recipe)
        quota = self._quota(vendor, options.quota)
        size = _batch_size(vendor, options.batch_size)
        in_flight = self._in_flight(options.concurrency)
        reading = Reading(
            max_record_bytes=options.max_record_bytes,
            null_values=options.null_values,
            warn=self.log.warning,
        )
        source = source_of(records, options.sql, options.sql_conn_id, self.get_connection, reading)
        outputs = _Outputs.to(options)
        gate = self.last_plan = _gate(options)
        outputs.try_out()
        self._go_on()
        sieve = self._sieve(stack, planner, options, how) if options.ledger_conn_id else None
        if sieve and gate:
            gate.first = sieve.knows_nothing
        stack.callback(source.close)
        rows, blocks = self._rows(stack, source, planner, options, sieve, gate)
        resume = None
        if how.checkpoints and not gate:
            mark = source.source_id(self._marks(options, how))
            resume, outputs = self._resume(how.checkpoints, mark, outputs, quota)
        transport = self._transport(
            vendor,
            options.quota,
            forbidden=sieve.forbidden if sieve else lambda: None,
            patience=how.patience if resume and how.patience is not None else math.inf,
        )
        expected = None if options.only is not None or options.partition else source.count()
        if expected:
            self.log.info("%s", estimate(expected, size, vendor, quota, at_most=sieve is not None))
        push = Push(
            vendor,
            transport,
            planner,
            concurrency=in_flight,
            batch_size=size,
            rejects=outputs.rejects,
            delivered=outputs.delivered,
            expected=expected,
            resume=resume,
            perhaps_sent=bool(how.checkpoints and how.checkpoints.retried),
            sieve=sieve,
            gate=gate,
            receipts=source.receipts if options.action == "push" else None,
            tell_seconds=self.tell_seconds,
            log=self.log,
        )
        self._running = push
        if self._asked_to_end:  # what was read of the source by now is accounted for
            push.courier.stop(self._asked_to_end)
        return push, rows, blocks

    def _sieve(self, stack: ExitStack, planner: Planner, options: Options, how: _How) -> Sieve:
        """Open the ledger, once no other push to this target is under way."""
        run = how.run or uuid4().hex
        ignored, baseline = options.ignore_ledger, options.action == "baseline"
        opened = sieve_of(
            self.get_connection(str(options.ledger_conn_id)),
            f"{self.conn_type}:{self.http_conn_id}",
            self.vendor(**how.vendor_options),
            planner,
            options.recipe,
            Comparing(
                run,
                options.changed_fields_only,
                ignored,
                baseline,
                options.mixed_key_types,
                options.doubt_seconds,
            ),
            share=str(options.partition or "all"),
            owner=run,
            log=self.log,
            sleep=self._go_on,
            stopped=lambda: self._asked_to_end,
        )
        return stack.enter_context(opened)

    def _rows(
        self,
        stack: ExitStack,
        source: Source,
        planner: Planner,
        options: Options,
        sieve: Sieve | None,
        gate: Gate | None,
    ) -> tuple[Iterator[Row], Iterator[Block] | None]:
        """Open the source: its rows, and by the thousand where that is how they are kept and needed."""
        column = (options.only_key or options.key or "key") if options.only is not None else None
        rows = source.rows(planner, column, options.if_empty)
        if column is not None:
            keys = stack.enter_context(KeyFile(str(options.only), open_file, parts_of))
            may_miss = options.if_empty == "ok"
            rows = rows_only(rows, keys, column, planner.key_column, may_miss=may_miss)
        if share := options.partition:
            if gate and options.max_changes is not None:
                source.require_rereading("max_changes looks at the whole source before a share of it")
                gate.whole = _judged(source.rows(planner, column, options.if_empty), planner, sieve)
            rows = rows_in_partition(rows, share, planner.profile_in)
        whole = column is None and not (options.partition or options.version or options.ignore_ledger)
        return rows, source.batches(planner, options.if_empty) if sieve and whole else None

    def _marks(self, options: Options, how: _How) -> dict[str, Any]:
        """Return what, beside the source itself, tells this push from another one."""
        known: dict[str, Any] = {"conn_id": self.http_conn_id, "share": options.partition}
        known |= {"only": options.only, "only_key": options.only_key, "null_values": options.null_values}
        known |= {"delivered_path": options.delivered_path}
        return {**known, **vars(options.recipe), **how.vendor_options}

    def _resume(
        self, checkpoints: Checkpoints, mark: str | None, outputs: _Outputs, quota: Quota
    ) -> tuple[Resume | None, _Outputs]:
        """Find out where to start; the outputs that are returned go on with what an earlier try wrote."""
        if checkpoints.retried:
            quota.start_evenly()  # what the earlier try sent last is not known
        if mark is None:
            self.log.info("A retry will start again: this source cannot be told from another one")
            return None, outputs
        start = self._loaded(checkpoints)
        if start and start.fingerprint != mark:
            self.log.info("Starting again: the source or the options are not those of the earlier try")
            start = None
        if start:
            try:
                outputs.go_on_from(start)
            except SourceError as error:
                self.log.warning("Starting again: a file of the earlier try is gone (%s)", error)
                start, outputs = None, outputs.anew()
        if start:
            self.log.info("Going on at position %d; settled before: %s", start.mark, Report.of(start.report))
            passed = max(0.0, time.time() - start.at)
            quota.remember(age + passed for age in start.ages)
            if start.ended:
                quota.pace.end_steady()
        return Resume(mark, checkpoints.save, start), outputs

    def _loaded(self, checkpoints: Checkpoints) -> Checkpoint | None:
        try:
            return checkpoints.load()
        except Exception as error:  # noqa: BLE001 -- whoever keeps them has errors of its own
            self.log.warning("Starting again: no checkpoint could be read (%s)", where_raised(error))
            return None

    def update_profile(
        self,
        key: str | int,
        fields: Mapping[str, Any],
        *,
        key_type: str | None = None,
        relationships: Mapping[str, Mapping[str, Any]] | None = None,
        nulls: str | None = None,
        quota: str | None = None,
        **vendor_options: Any,
    ) -> Verdict:
        """Update one profile and return "pushed" or "created".

        Raises:
            ConfigurationError: the connection or an argument is wrong.
            InvalidRecord: the change cannot be sent as it is.
            RecordRefused: the vendor refused it.
            Retriable: no acknowledgement after all retries.
            PushStopped: the credential or the host is wrong.
        """
        vendor = self.vendor(**vendor_options)
        planner = Planner(vendor, Recipe(key_type=key_type, nulls=nulls))
        content = {"key": key, "fields": fields, "relationships": relationships}
        change = planner.change(Row(1, {name: part for name, part in content.items() if part is not None}))
        done = self._transport(vendor, quota).drive(vendor.steps([change]))
        if done.warning:
            self.log.warning("The profile was pushed, but %s", done.warning)
        return Verdict.CREATED if done.created else Verdict.PUSHED

    def explain(self, wanted: str | int, /, records: Any = None, **options: Any) -> Explanation:
        """Say what a push would make of one key, and why; see `hooks.explain.explain`."""
        from airflow_profile_provider.explain.explain import explain

        return explain(self, wanted, records, **options)

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request that this package does not model, with the vendor's credential, quota and retries.

        Args:
            method: HTTP method.
            path: path at the vendor's host, starting with a slash.
            body: sent as JSON, if any.

        Raises:
            ConfigurationError: the path is none at the vendor's host; nothing was sent.
            Retriable, PushStopped: as in a push. Other answers are returned, whatever their status.
        """
        if not re.fullmatch(r"[A-Za-z]{1,20}", str(method)):
            raise ConfigurationError("method must be one of HTTP's, such as GET")
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise ConfigurationError(
                "path must start with one slash and hold no blanks: it is a path at the connection's host"
            )
        try:
            content = None if body is None else to_json(body)
        except (ValueError, TypeError, RecursionError):
            raise ConfigurationError("body cannot be written as JSON") from None
        answer: Answer = self._transport(self.vendor(), None).send(
            Request(method.upper(), path, lambda answer: answer, content)
        )
        return answer

    def check_response(self, response: Response) -> None:
        """Raise for what `HttpHook.run` got, without logging a body that may hold profiles."""
        if not response.ok:
            raise AirflowException(f"{self.hook_name} answered {response.status_code}")

    def test_connection(self) -> tuple[bool, str]:
        """Prove host and credential without side effects; never raises."""
        try:
            vendor = self.vendor()
            transport = self._transport(vendor, "none", RetryRule(attempts=2, longest=10, retry_after_cap=2))
            return True, f"{vendor.name}: {transport.drive(vendor.probe())}"
        except RecordRefused as error:
            hint = ": there is no such address at that host; check the host and its path"
            host = self.settings.access.host
            return False, f"{host} answered 404{hint}" if error.status == 404 else str(error)
        except ProfileError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the form must show it
            return False, f"{type(error).__name__} while testing the connection"

    def stop(self, reason: str = "the task was asked to end") -> None:
        """End the push that is under way, or the next one: settle what is in flight, and report."""
        self._asked_to_end = self._asked_to_end or AskedToEnd(reason)
        if self._running:
            self._running.courier.stop(self._asked_to_end)

    def vendor(self, **options: Any) -> Vendor:
        """Return the vendor's rules for this connection and these options.

        Raises:
            ConfigurationError: the vendor has no such option or value.
        """
        if self.settings.ignored:
            self.log.warning("Extras that are not known are not used: %s", ", ".join(self.settings.ignored))
        try:
            return self.vendor_class(self.settings.access, **options_of(self.vendor_class, options))
        except TypeError:
            raise ConfigurationError(
                f"{self.vendor_class.name} has no option {', '.join(sorted(options)) or 'here'}"
            ) from None

    def _transport(
        self,
        vendor: Vendor,
        quota: str | None,
        retry: RetryRule | None = None,
        **collaborators: Any,
    ) -> Transport:
        return Transport(
            self.session,
            vendor,
            self._quota(vendor, quota),
            timeout=self.settings.timeout,
            retry=retry or self.retry_rule,
            mask=mask_secret,
            **collaborators,
        )

    def _quota(self, vendor: Vendor, text: str | None) -> Quota:
        """Return the quota of these rates, by default the connection's or the vendor's."""
        given = self.settings.quota if text is None else parse_quota(text)
        rates = vendor.quota if given is None else given
        return self._quotas.get(rates) or self._new_quota(rates, vendor.quota)

    def _new_quota(self, rates: tuple[Rate, ...], published: tuple[Rate, ...]) -> Quota:
        """Make the quota that all pushes of this hook keep to, in the shared store if there is one."""
        store = self.settings.quota_conn_id
        book = None
        if store and rates:
            from airflow_profile_provider.adapters.quota_stores import shared_book

            target = f"{self.conn_type}:{self.http_conn_id}"
            book = shared_book(self.get_connection(store), target, rates)
        quota = self._quotas[rates] = Quota(rates, book=book, published=published)
        if book:
            weakref.finalize(self, book.close)
        return quota

    def _in_flight(self, concurrency: int | None) -> int:
        number = concurrency or self.settings.concurrency or self.vendor_class.concurrency
        if not 1 <= number <= MOST_CONCURRENT:
            raise ConfigurationError(f"concurrency must be a whole number from 1 to {MOST_CONCURRENT}")
        return number


class _Session(Session):
    """Finds the way to each host by our own rule, also where `HttpHook` sends."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        way = route(str(url), self)
        found = {"proxies": dict(way.proxies), "stream": bool(stream), "verify": way.verify, "cert": way.cert}
        given = {"proxies": proxies, "verify": verify, "cert": cert}
        return found | {name: value for name, value in given.items() if value}


def _judged(rows: Iterable[Row], planner: Planner, sieve: Sieve | None) -> tuple[int, int]:
    """Return how many of a whole source would change, of how many; nothing is written down."""
    received = count()
    rows = (row for row in rows if next(received) >= 0)
    if sieve:
        changes = sum(1 for _ in sieve.proposals(iter(rows), lambda source, verdict, reason="": None))
    else:
        changes = sum(1 for _ in rows)
    return changes, next(received)


def _batch_size(vendor: Vendor, batch_size: int | None) -> int:
    size = vendor.batch_size if batch_size is None else batch_size
    if not 1 <= size <= vendor.batch_limit:
        raise ConfigurationError(
            f"batch_size must be 1 to {vendor.batch_limit}, as many as {vendor.name} takes in a request"
        )
    return size


def _gate(options: Options) -> Gate | None:
    """Return what looks at all that would be sent before anything is, if that was asked for."""
    only_plan = options.action == "plan"
    if not only_plan and options.max_changes is None and options.approved_plan is None:
        return None
    file = None if options.plan_path is None else PlanFile(options.plan_path, open_file)
    return Gate(options.max_changes, options.approved_plan, only_plan, file, options.plan_values)


_STRIKES = {
    "AirflowTaskTimeout": "the task ran out of time (execution_timeout)",
    "KeyboardInterrupt": "the push was interrupted",
    "SystemExit": "the process was asked to end",
}
"""What the exceptions mean that strike in the main thread."""


@dataclass(frozen=True)
class _How:
    """What a push is told beside its options."""

    run: str | None
    checkpoints: Checkpoints | None
    patience: float | None
    vendor_options: Mapping[str, Any]


@dataclass(frozen=True)
class _Outputs:
    """The files that a push writes."""

    rejects: Rejects | None
    delivered: Delivered | None
    plan: str | None = None

    @classmethod
    def to(cls, options: Options) -> _Outputs:
        rejects, delivered, mapped = options.rejects_path, options.delivered_path, options.fields is not None
        longest = max(options.max_record_bytes, LEAST_BYTES)
        return cls(
            None if rejects is None else Rejects(rejects, open_file, mapped=mapped, longest_row=longest),
            None if delivered is None else Delivered(delivered, open_file),
            options.plan_path,
        )

    def try_out(self) -> None:
        """Make sure that each of them can be written, before anything is sent."""
        paths = [output.path for output in (self.rejects, self.delivered) if output]
        for path in (*paths, *([self.plan] if self.plan else [])):
            try_out(path)

    def go_on_from(self, start: Checkpoint) -> None:
        for output in (self.rejects, self.delivered):
            if output:
                output.go_on_from(start)

    def anew(self) -> _Outputs:
        mapped = self.rejects is not None and self.rejects.mapped
        longest = self.rejects.longest_row if self.rejects else LEAST_BYTES
        return _Outputs(
            self.rejects and Rejects(self.rejects.path, open_file, mapped=mapped, longest_row=longest),
            self.delivered and Delivered(self.delivered.path, open_file),
        )
