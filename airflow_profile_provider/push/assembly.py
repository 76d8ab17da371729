"""Puts a push together, from its options and from what its surroundings open for it.

Nothing here knows Airflow, a database or a file system: those are handed in as `Surroundings`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from functools import cached_property
from typing import Any

from airflow_profile_provider.delivery.cost import Cost
from airflow_profile_provider.delivery.matching import Matching
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import never_answered
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import Paused, PushStopped
from airflow_profile_provider.ledger.diff import DOUBT_SECONDS, LedgerOptions
from airflow_profile_provider.ledger.history import HistoryOptions
from airflow_profile_provider.ledger.ids import Ids
from airflow_profile_provider.ledger.session import LedgerSession
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.push.audit_parts import AuditParts
from airflow_profile_provider.push.files import Outputs
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.push.learning import Learned, learned, learned_for_labels
from airflow_profile_provider.push.leavers import SourceKeys
from airflow_profile_provider.push.log import Log, Quiet
from airflow_profile_provider.push.no_ledger import NoLedger
from airflow_profile_provider.push.options import PushOptions
from airflow_profile_provider.push.outputs import PlanFile
from airflow_profile_provider.push.parts import parts_of
from airflow_profile_provider.push.push import Push
from airflow_profile_provider.push.resuming import resumed
from airflow_profile_provider.push.review import ABSENT, PlanReview
from airflow_profile_provider.push.selection import Selection
from airflow_profile_provider.push.surroundings import Circumstances, Surroundings
from airflow_profile_provider.push.watermark import Resume
from airflow_profile_provider.records import is_leaver
from airflow_profile_provider.sources.announced import Announced
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.fields import Catalogue

NO_TASK = "hook.push"
"""The scope of a push that no task makes."""
AHEAD = 5
"""With a ledger, planning works by the thousand: so many batches wait for each request, ready to be sent."""


class Assembly:
    """The parts of one push, each made when it is first asked for; ``stack`` closes what was opened.

    Raises:
        ConfigurationError: the options do not fit the vendor.
    """

    def __init__(
        self,
        options: PushOptions,
        vendor: Vendor,
        records: Any,
        surroundings: Surroundings,
        stack: ExitStack,
        circumstances: Circumstances,
    ) -> None:
        options.require_fit(vendor)
        if isinstance(records, Announced):
            options.require_no_events()
        self.options = options
        self.vendor = vendor
        self.surroundings = surroundings
        self._records = records
        self._stack = stack
        self._how = circumstances
        self._asked = Cost()

    @property
    def mapping(self) -> FieldMapping:
        """How a row becomes a change."""
        return self.options.mapping

    @property
    def comparing(self) -> LedgerOptions:
        """How the ledger is used."""
        return LedgerOptions(
            self._how.run,
            self.options.changed_fields_only,
            self.options.ignore_ledger,
            self.options.action == "baseline",
            self.options.mixed_key_types,
            DOUBT_SECONDS if self.options.doubt_seconds is None else self.options.doubt_seconds,
            self.options.scope or NO_TASK,
        )

    @cached_property
    def mapper(self) -> Mapper:
        """Makes changes of rows."""
        learn = self._how.learn or catalogue_of
        compared = bool(self.options.ledger_conn_id)
        return Mapper(self.vendor, self.mapping, learn=lambda: learn(self), compared=compared)

    @property
    def names_labels(self) -> bool:
        """Whether something names fields by labels that the vendor was not asked for so far."""
        return self.mapper.names_labels(self.options.constants if self.options.watches_leavers else ())

    @property
    def constants(self) -> Mapping[str, Any]:
        """What is sent to leavers: vendor field to value, by ids as far as these are known.

        Raises:
            ConfigurationError: several fields have such a label, or two names mean one field.
        """
        given = self.options.constants
        ids = self.vendor.ids_of(given, self.mapper.catalogue)
        return {ids[name]: value for name, value in given.items()}

    def learn_labels(self) -> None:
        """Ask the vendor which fields labels mean, if some are named, before rows are compared.

        Raises:
            ConfigurationError: there is no such field, or there are several.
            PushStopped: the vendor cannot be reached, or the push was asked to end.
        """
        if not self.names_labels:
            return
        found = learned_for_labels(self.vendor, self.asking)
        _tell_unlearned(self.surroundings.log, found)
        self.mapper.know(found.catalogue)
        self.mapper.check_constants(self.constants)

    @cached_property
    def asking(self) -> Transport:
        """The way to the vendor for questions before anything is sent, which need no share of the ledger."""
        transport = self.surroundings.transport(
            self.vendor,
            self.options.quota,
            forbidden=self._asked_to_end,
            patience=math.inf,
            observer=self._how.observer,
        )
        self._asked = transport.cost
        return transport

    def _asked_to_end(self) -> PushStopped | None:
        try:
            self.surroundings.go_on()
        except PushStopped as stopped:
            return stopped
        return None

    @cached_property
    def batch_size(self) -> int:
        """How many records go into a request."""
        return self.options.records_a_request(self.vendor)

    @cached_property
    def quota(self) -> Quota:
        """The permits for requests."""
        return self.surroundings.quota(self.vendor, self.options.quota)

    @cached_property
    def source(self) -> Source:
        """Where the records come from."""
        return self.surroundings.source(self._records, self.options)

    @cached_property
    def _selection(self) -> Selection:
        """Which rows of the source the push takes."""
        files, log = self.surroundings.files, self.surroundings.log
        go_on = self.surroundings.go_on
        return Selection(self.source, self.mapper, self.options, files, log, self._stack, go_on, self.keys)

    @cached_property
    def keys(self) -> SourceKeys | None:
        """What notes whose rows the source has; None: nobody asks who left it."""
        if not self.options.watches_leavers:
            return None
        return self._stack.enter_context(closing(SourceKeys(self.mapper)))

    @cached_property
    def session(self) -> LedgerSession | None:
        """The push's share of the ledger, held by it alone; None where there is none."""
        if not self.options.ledger_conn_id:
            return None
        share = str(self.options.partition or "all")
        return self._stack.enter_context(self.surroundings.session(self, share=share, owner=self._how.run))

    @property
    def history(self) -> HistoryOptions | None:
        """Whose history is written beside the ledger; None where it is not."""
        task, options = self._how.task, self.options
        if task is None or not options.history or options.action == "plan":
            return None
        return HistoryOptions(task, options.history_days)

    @cached_property
    def transport(self) -> Transport:
        """The way to the vendor; it is closed where the ledger is no longer held."""
        session = self.session
        transport = self.surroundings.transport(
            self.vendor,
            self.options.quota,
            forbidden=session.forbidden if session else lambda: None,
            patience=math.inf if self._how.patience is None or not self.start[0] else self._how.patience,
            observer=self._how.observer,
        )
        asked = self._asked
        transport.cost.add(requests=asked.requests, retries=asked.retries, throttled=asked.throttled)
        return transport

    @cached_property
    def matching(self) -> Matching | None:
        """Finds the vendor's profiles of keys that are none of the vendor's; None where they are."""
        ids = self.session.ids if self.session else None
        if not isinstance(ids, Ids):
            return None
        makes = self.options.action == "push"
        return Matching(self.vendor, self.transport, self.mapper.vendor_key_type, ids, makes=makes)

    @cached_property
    def sender(self) -> Sender:
        """Delivers batches."""
        if self.audit:
            return self.audit.reader
        answered = self.session.was_answered if self.session else never_answered
        return Sender(self.vendor, self.transport, self.batch_size, self.matching, answered)

    @cached_property
    def audit(self) -> AuditParts | None:
        """What reads what the vendor holds; None for other actions."""
        if not self.options.reads:
            return None
        return AuditParts(
            self.options,
            self.vendor,
            self.mapper,
            self.session or NoLedger(self.mapper),
            self.transport,
            self.start[1].audit,
            self.source.place_of,
            self._stack,
            self.batch_size,
            self.matching,
        )

    @property
    def found(self) -> PlanReview | Findings | None:
        """What is left of a plan or an audit for whoever approves it."""
        return self.audit.findings if self.audit else self.review

    @cached_property
    def review(self) -> PlanReview | None:
        """What looks at all that would be sent before anything is; None where that was not asked for."""
        options = self.options
        if not self._is_reviewed:
            return None
        return PlanReview(
            options.max_changes,
            options.approved_plan,
            options.action == "plan",
            None if options.plan_path is None else PlanFile(options.plan_path, self.surroundings.files.open),
            options.plan_values,
            first=self.session is not None and self.session.knows_nothing,
            whole=self._selection.whole(self.session),
            place_of=self.place_of,
            made=lambda: self.mapper.made,
        )

    @property
    def _is_reviewed(self) -> bool:
        """Whether all that would be sent is looked at before anything is."""
        options = self.options
        if options.reads:
            return False
        return (
            options.action == "plan" or options.max_changes is not None or options.approved_plan is not None
        )

    @property
    def _is_one_whole(self) -> bool:
        """Whether all of it is looked at before anything is sent: then no retry goes on in the middle."""
        options = self.options
        checked = options.approved_plan is not None or options.max_drifted is not None
        return self._is_reviewed or (options.action == "repair" and checked)

    def push(self, clock: Callable[[], float] = time.monotonic) -> Push:
        """Open everything, in the order in which a mistake costs least, and return the push."""
        log = Quiet(self.surroundings.log)
        self.mapper.check_constants(self.options.constants)
        _ = self.quota, self.batch_size
        concurrency = self.surroundings.concurrency(self.options.concurrency)
        _ = self.source
        self._fresh_outputs.try_out()
        self.surroundings.go_on()
        self.learn_labels()
        session = self.session or NoLedger(self.mapper)
        self._stack.callback(self.source.close)
        rows, _ = self._selection.rows(), self.review
        batches = self._selection.batches(rows) if self.session else None
        parts = parts_of(self, session, rows, batches, log, clock)
        return Push(parts, concurrency, AHEAD if self.session else 0, clock)

    def place_of(self, position: int) -> str:
        """Return where people find a record, or that it is none."""
        return ABSENT if is_leaver(position) else self.source.place_of(position)

    @property
    def is_retried(self) -> bool:
        """Whether an earlier try may have sent any of it."""
        checkpoints = self._how.checkpoints
        return bool(checkpoints and checkpoints.retried)

    @cached_property
    def _fresh_outputs(self) -> Outputs:
        return Outputs.of(self.options, self.surroundings.files)

    @cached_property
    def start(self) -> tuple[Resume | None, Outputs]:
        """Where to start, and the files to go on with."""
        checkpoints = self._how.checkpoints
        if checkpoints is None or self._is_one_whole:
            return None, self._fresh_outputs
        mark = self.source.source_id(self._marks())
        log = self.surroundings.log
        return resumed(checkpoints, mark, self.options, self._fresh_outputs, self.quota, log)

    def _marks(self) -> dict[str, Any]:
        """Return what, beside the source itself, tells this push from another one."""
        options = self.options
        known: dict[str, Any] = {"conn_id": self.surroundings.conn_id, "share": options.partition}
        known |= {"only": options.only, "only_key": options.only_key, "null_values": options.null_values}
        known |= {"delivered_path": options.delivered_path}
        known |= {"csv": options.csv} if options.csv else {}
        known |= {"if_duplicate": options.if_duplicate} if options.if_duplicate != "last" else {}
        known |= {"made": [of.spelt for of in self.mapper.made.values()]} if self.mapper.made else {}
        known |= {"action": options.action, "audit_path": options.audit_path} if options.reads else {}
        known |= {"on_absent": options.on_absent, "scope": options.scope} if options.watches_leavers else {}
        return {**known, **vars(self.mapping), **self._how.vendor_options}


def catalogue_of(assembly: Assembly) -> Catalogue:
    """Ask the vendor which fields there are, if it tells; without that, the vendor decides."""
    try:
        found = learned(assembly.vendor, assembly.transport)
    except Paused as paused:
        assembly.sender.stop(paused)
        return Catalogue()
    _tell_unlearned(assembly.surroundings.log, found)
    return found.catalogue


def _tell_unlearned(log: Log, found: Learned) -> None:
    if found.unanswered:
        log.info("No field catalogue (%s); the vendor decides which fields there are", found.unanswered)
