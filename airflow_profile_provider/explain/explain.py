"""What a push would do with one key, and why: row, change, ledger, requests and, if sent, the answers."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow_profile_provider.adapters.ledgers import fingerprints_of, secret_of, sieve_of
from airflow_profile_provider.adapters.source import source_of
from airflow_profile_provider.delivery.sender import Courier, Settled
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.delivery.wire import Observed
from airflow_profile_provider.errors import (
    ConfigurationError,
    InvalidRecord,
    PushStopped,
    VendorError,
)
from airflow_profile_provider.explain.exchanges import HIDDEN, Exchange, Masks, sent, unsent
from airflow_profile_provider.ledger.admin import ReadLedger, instant, version_of
from airflow_profile_provider.ledger.diff import DOUBT_SECONDS, Comparing
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import Entry
from airflow_profile_provider.ledger.names import shown_name
from airflow_profile_provider.ledger.quarantine import QUARANTINE
from airflow_profile_provider.ledger.session import Sieve
from airflow_profile_provider.mapping.mapper import ColumnsOf, Planner, Recipe
from airflow_profile_provider.mapping.window import Window
from airflow_profile_provider.records import Change, Reason, Row, Verdict, order_of
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.source import Source
from airflow_profile_provider.values import exact_key
from airflow_profile_provider.vendors.base import Vendor

if TYPE_CHECKING:
    import os

    from airflow_profile_provider.hooks.base import ProfileHook


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExplained:
    """A row of the key: what it asks for, and what a push would make of it.

    ``verdict`` is "planned" where it would be sent, ``why`` the reason, ``fields`` the names of those that
    make a difference. ``part`` is what of the change would be sent; None: all of it.
    """

    position: int
    content: Any = field(repr=False)
    change: Change | None = field(repr=False)
    verdict: Verdict
    why: str = ""
    fields: tuple[str, ...] = ()
    part: Change | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerExplained:
    """What the ledger knows of the key, and how the last of its rows compares.

    ``differing`` and ``equal`` are names of fields, "in a relationship" included; times are ISO 8601.
    ``version`` is the newest version seen.
    """

    known: bool
    acknowledged: tuple[str, ...] = ()
    differing: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()
    in_doubt: bool = False
    version: int | str | None = None
    older: bool | None = None
    refusals: int = 0
    refused_at: str | None = None
    refused_this: bool = False
    set_aside_until: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What a push makes of the answers to what was sent for these rows."""

    positions: tuple[int, ...]
    verdict: Verdict
    reason: str
    full: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One key, explained. ``read`` counts the source's rows, ``unreadable`` those of them that are none."""

    vendor: str
    target: str
    key: str = field(repr=False)
    key_type: str
    made_up: bool
    """Whether the vendor made the key up, so that it is no value."""
    read: int
    unreadable: int
    rows: tuple[RowExplained, ...]
    ledger: LedgerExplained | None
    requests: tuple[Exchange, ...]
    sent: bool
    deliveries: tuple[Delivery, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def undelivered(self) -> bool:
        """Whether something was sent, or had to be, and is still owed to the vendor."""
        verdicts = [*(row.verdict for row in self.rows), *(done.verdict for done in self.deliveries)]
        return self.sent and any(verdict.undelivered for verdict in verdicts)

    def as_dict(self, *, redact: bool = False) -> dict[str, Any]:
        """Return all of it in JSON's types; ``redact`` leaves out profile values. No credential is in it."""
        hide_key = redact and not self.made_up
        return {
            "vendor": self.vendor,
            "target": self.target,
            "key": HIDDEN if hide_key else self.key,
            "key_type": self.key_type,
            "read": self.read,
            "unreadable": self.unreadable,
            "rows": [_row_dict(row, redact, hide_key) for row in self.rows],
            "ledger": self.ledger.as_dict() if self.ledger else None,
            "requests": [request.as_dict(redact=redact, hide_address=hide_key) for request in self.requests],
            "sent": self.sent,
            "deliveries": [
                {
                    "positions": list(done.positions),
                    "verdict": done.verdict.value,
                    "reason": done.reason if redact else done.full,
                }
                for done in self.deliveries
            ],
            "notes": list(self.notes),
        }


def explain(
    hook: ProfileHook,
    wanted: str | int,
    /,
    records: Iterable[Any] | str | os.PathLike[str] | None = None,
    *,
    sql: str | None = None,
    sql_conn_id: str | None = None,
    key: str | None = None,
    fields: Mapping[str, str] | Sequence[str] | None = None,
    key_type: str | None = None,
    version: str | None = None,
    nulls: str | None = None,
    relationships: ColumnsOf | None = None,
    max_record_bytes: int = 1_000_000,
    null_values: Collection[str] = (),
    ledger_conn_id: str | None = None,
    changed_fields_only: bool = False,
    ignore_ledger: bool = False,
    mixed_key_types: bool = False,
    doubt_seconds: float = DOUBT_SECONDS,
    exact_keys: bool = False,
    send: bool = False,
    **vendor_options: Any,
) -> Explanation:
    """Say what a push with these options would do with one key, and why.

    Nothing is sent and nothing is written down; with ``send`` the rows of the key, and only those, are pushed
    as a push would push them, through the ledger if there is one.

    Args:
        hook: the vendor's hook.
        wanted: the key.
        records, sql, and so on: as in `ProfileHook.push`.
        send: push the key, and show the answers.

    Raises:
        ConfigurationError: the connection or an argument is wrong.
        SourceError: the source cannot be read.
        PushStopped: the ledger's database failed.
    """
    recipe = Recipe(
        key=key,
        fields=fields,
        key_type=key_type,
        version=version,
        nulls=nulls,
        relationships=relationships,
        max_record_bytes=max_record_bytes,
        exact_keys=exact_keys,
    )
    vendor = hook.vendor(**vendor_options)
    run = f"explain {uuid4().hex}"
    how = Comparing(run, changed_fields_only, ignore_ledger, False, mixed_key_types, doubt_seconds)
    case = _Case(hook, vendor, Planner(vendor, recipe), recipe, how, ledger_conn_id)
    reading = Reading(max_record_bytes=max_record_bytes, null_values=null_values, warn=hook.log.warning)
    source = source_of(records, sql, sql_conn_id, hook.get_connection, reading)
    try:
        found = _Found.of(source, case.planner, exact_key(wanted))
    except InvalidRecord as error:
        raise ConfigurationError(f"the wanted key cannot be one: {error}") from None
    finally:
        source.close()
    return case.sent(found) if send and found.rows else case.told(found)


@dataclass(frozen=True)
class _Found:
    """The rows of one key."""

    key: str
    rows: list[Row]
    read: int
    unreadable: int

    @classmethod
    def of(cls, source: Source, planner: Planner, key: str) -> _Found:
        rows, read, unreadable, profile = [], 0, 0, planner.profile_of(key)
        for row in source.rows(planner, None, None):
            read += 1
            if row.problem and not isinstance(row.content, Mapping):
                unreadable += 1
            elif planner.profile_in(row.content) == profile:
                rows.append(row)
        return cls(key, rows, read, unreadable)


class _Case:
    """One key, one vendor, one ledger or none."""

    def __init__(
        self,
        hook: ProfileHook,
        vendor: Vendor,
        planner: Planner,
        recipe: Recipe,
        how: Comparing,
        ledger_conn_id: str | None,
    ) -> None:
        self.planner = planner
        self._hook = hook
        self._vendor = vendor
        self._recipe = recipe
        self._how = how
        self._store = hook.get_connection(ledger_conn_id) if ledger_conn_id else None
        self._target = f"{hook.conn_type}:{hook.http_conn_id}"

    # -- without sending --------------------------------------------------------------------------------

    def told(self, found: _Found) -> Explanation:
        """Explain without sending anything."""
        with self._read_ledger() as ledger:
            rows, known = self._judged(found, ledger)
        window = Window(len(rows) + 1)
        for row in rows:
            if row.change and row.verdict is Verdict.PLANNED:
                window.add(row.part or row.change)
        masks = Masks(self._vendor.access)
        requests = [one for planned in window.drain() for one in unsent(self._vendor, planned.change, masks)]
        notes = []
        if self._vendor.catalogue_request() and rows:
            notes.append(
                f"{self._vendor.name} tells which fields it has, but is not asked unless something is sent: "
                "a push may find a field invalid that is not found so here"
            )
        return self._explanation(found, rows, known, requests, notes=notes)

    @contextmanager
    def _read_ledger(self) -> Iterator[ReadLedger | None]:
        """Open the ledger to read it; None where there is none, not even an empty one."""
        from airflow_profile_provider.adapters.databases import engine_of

        if self._store is None:
            yield None
            return
        try:
            engine = engine_of(self._store, create=False)
        except ConfigurationError as error:
            if "SQLITE_CANTOPEN" not in str(error):
                raise
            engine = None  # the first push makes the file
        if engine is None:
            yield None
            return
        try:
            yield ReadLedger(
                engine,
                self._target,
                self.planner.key_type,
                place=self._vendor.place,
                mixed_key_types=self._how.mixed_key_types,
                secret=secret_of(self._store),
            )
        finally:
            engine.dispose()

    def _judged(
        self, found: _Found, ledger: ReadLedger | None
    ) -> tuple[list[RowExplained], LedgerExplained | None]:
        """Say of each row what a push would make of it."""
        if ledger is None or self._store is None:
            known = LedgerExplained(known=False) if self._store else None
            rows = [self._planned(row) for row in found.rows]
            return [
                replace(row, why=Reason.NEW.value) if known and row.change else row for row in rows
            ], known
        prints = fingerprints_of(ledger, self._vendor, self.planner, self._recipe)
        profile = self.planner.profile_of(found.key)
        entry = ledger.known([profile]).get(profile)
        if entry:
            ledger.add_fields([entry])
        settled: dict[int, tuple[Verdict, str]] = {}

        def settle(source: Change | Row, verdict: Verdict, reason: str = "") -> None:
            settled[source.position] = verdict, reason

        sieve = Sieve(self.planner, ledger, prints, self._how)
        proposals = {
            proposal.change.position: proposal for proposal in sieve.proposals(iter(found.rows), settle)
        }
        rows = []
        for row in found.rows:
            explained = self._planned(row)
            if proposal := proposals.get(row.position):
                is_second = proposal.why is Reason.IN_DOUBT and not (entry and entry.doubt)
                why = "an earlier row of this key is sent, too" if is_second else proposal.why.value
                names = (*proposal.fields, *proposal.relationships)
                explained = replace(explained, why=why, fields=names, part=sieve.part(proposal))
            elif row.position in settled:
                verdict, why = settled[row.position]
                explained = replace(explained, verdict=verdict, why=why or _because(verdict))
            rows.append(explained)
        return rows, self._compared(entry, rows, prints, ledger.version_kind)

    def _planned(self, row: Row) -> RowExplained:
        try:
            change = self.planner.change(row)
        except InvalidRecord as error:
            return RowExplained(
                position=row.position,
                content=row.content,
                change=None,
                verdict=Verdict.INVALID,
                why=str(error),
            )
        names = (*change.fields, *change.relationships)
        return RowExplained(
            position=row.position,
            content=row.content,
            change=change,
            verdict=Verdict.PLANNED,
            why=Reason.NO_LEDGER.value,
            fields=names,
        )

    def _compared(
        self, entry: Entry | None, rows: Sequence[RowExplained], prints: Fingerprints, kind: str | None
    ) -> LedgerExplained:
        if entry is None:
            return LedgerExplained(known=False)
        change = next((row.change for row in reversed(rows) if row.change), None)
        own = prints.of_change(change) if change else None
        mine = own.fields if own else {}
        differing = [name for name, value in mine.items() if entry.fields.get(name) != value]
        order = order_of(change.version) if change else None
        until = QUARANTINE.until(entry) if QUARANTINE.is_active(entry, time.time()) else None
        return LedgerExplained(
            known=True,
            acknowledged=_named(entry.fields),
            differing=_named(differing),
            equal=_named(name for name in mine if name not in differing),
            in_doubt=bool(entry.doubt),
            version=version_of(entry.order, kind),
            older=_is_older(order, entry.order, kind),
            refusals=entry.refusals,
            refused_at=instant(entry.refused_at) if entry.refusals else None,
            refused_this=own is not None and bool(mine) and entry.refused == own.whole,
            set_aside_until=None if until is None else instant(until),
        )

    # -- sending ----------------------------------------------------------------------------------------

    def sent(self, found: _Found) -> Explanation:
        """Push the rows, and explain with what was answered."""
        hook, vendor = self._hook, self._vendor
        masks = Masks(vendor.access)
        observed: list[Observed] = []
        transport = hook._transport(vendor, None, observer=observed.append)
        notes = self._read_catalogue(transport)
        with self._ledger_for_sending() as sieve, self._read_ledger() as ledger:
            rows, known = self._judged(found, ledger)
            done = self._deliver(found, Courier(vendor, transport, 1), sieve)
        requests = sent(observed, vendor, masks)
        deliveries = [
            Delivery(
                positions=tuple(part.position for part in settled.planned.parts),
                verdict=settled.verdict,
                reason=settled.reason,
                full=masks.text(settled.full or settled.reason),
            )
            for settled in done
        ]
        return self._explanation(found, rows, known, requests, deliveries, notes, sent=True)

    def _read_catalogue(self, transport: Transport) -> list[str]:
        request = self._vendor.catalogue_request()
        if request is None:
            return []
        try:
            catalogue = transport.send_once(request)
        except (VendorError, PushStopped) as error:
            return [f"no field catalogue ({error}); the vendor decides which fields there are"]
        self.planner = Planner(self._vendor, self._recipe, learn=lambda: catalogue)
        return []

    def _ledger_for_sending(self) -> Any:
        if self._store is None:
            return nullcontext()
        return sieve_of(
            self._store,
            self._target,
            self._vendor,
            self.planner,
            self._recipe,
            self._how,
            share="all",
            owner=self._how.run,
            log=self._hook.log,
        )

    def _deliver(self, found: _Found, courier: Courier, sieve: Sieve | None) -> list[Settled]:
        """Send what a push would send of the rows, and write down what became of it."""
        if sieve:
            changes = list(sieve.changes(iter(found.rows), lambda source, verdict, reason="": None))
        else:
            planned = [self._planned(row).change for row in found.rows]
            changes = [change for change in planned if change]
        window = Window(len(changes) + 1)
        for change in changes:
            window.add(change)
        done = []
        for waiting in list(window.drain()):
            done += courier.deliver([waiting])
            if sieve:
                if done[-1].unsure:
                    sieve.unsure(waiting)
                sieve.settled(waiting, done[-1].verdict)
        if sieve:
            sieve.flush()
        return done

    def _explanation(
        self,
        found: _Found,
        rows: Sequence[RowExplained],
        ledger: LedgerExplained | None,
        requests: Iterable[Exchange],
        deliveries: Iterable[Delivery] = (),
        notes: Iterable[str] = (),
        *,
        sent: bool = False,
    ) -> Explanation:
        key_type = next((row.change.key_type for row in rows if row.change), self.planner.key_type)
        return Explanation(
            vendor=self._vendor.name,
            target=self._target,
            key=found.key,
            key_type=key_type,
            made_up=self._vendor.made_up(Change(found.key, {}, key_type)),
            read=found.read,
            unreadable=found.unreadable,
            rows=tuple(rows),
            ledger=ledger,
            requests=tuple(requests),
            sent=sent,
            deliveries=tuple(deliveries),
            notes=tuple(notes),
        )


def _is_older(order: tuple[str, int] | None, newest: int | None, kind: str | None) -> bool | None:
    """Whether a version comes before the newest one; None where there is nothing to compare."""
    return None if order is None or newest is None or order[0] != kind else order[1] < newest


def _because(verdict: Verdict) -> str:
    return "the vendor acknowledged these very values" if verdict is Verdict.UNCHANGED else ""


def _named(kept: Iterable[str]) -> tuple[str, ...]:
    return tuple(map(shown_name, kept))


def _row_dict(row: RowExplained, redact: bool, hide_key: bool) -> dict[str, Any]:
    shown: dict[str, Any] | None = None
    if row.change:
        shown = {"key": HIDDEN if hide_key else row.change.key, "key_type": row.change.key_type}
        shown |= {"version": row.change.version} if row.change.version is not None else {}
        shown["fields"] = _values(row.change.fields, redact)
        if row.change.relationships:
            shown["relationships"] = _values(row.change.relationships, redact)
    return {
        "position": row.position,
        "row": _values(row.content, redact),
        "change": shown,
        "verdict": row.verdict.value,
        "why": row.why,
        "fields": list(row.fields),
    }


def _values(content: Any, redact: bool) -> Any:
    """Return what a mapping holds in JSON's types, or only its names and which of them are null."""
    if not redact:
        return json.loads(json.dumps(content, default=str))
    if not isinstance(content, Mapping):
        return HIDDEN
    return {str(name): None if value is None else HIDDEN for name, value in content.items()}
