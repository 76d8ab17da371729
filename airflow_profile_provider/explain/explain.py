"""What a push would do with one key, and why: row, change, ledger, requests and, if sent, the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airflow_profile_provider.adapters.ledgers import fingerprints_of
from airflow_profile_provider.delivery.matching import addressed
from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.delivery.wire import Observed
from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.explain.compared import compared
from airflow_profile_provider.explain.exchanges import Exchange, Masks, sent, unsent
from airflow_profile_provider.explain.explanation import Delivery, Explanation, LedgerExplained, RowExplained
from airflow_profile_provider.explain.known import Found, read_ledger
from airflow_profile_provider.ledger.reader import ReadLedger
from airflow_profile_provider.ledger.session import LedgerSession
from airflow_profile_provider.mapping.window import Window
from airflow_profile_provider.push.assembly import Assembly
from airflow_profile_provider.push.learning import learned
from airflow_profile_provider.records import Change, Reason, Row, Verdict
from airflow_profile_provider.values import exact_key
from airflow_profile_provider.vendors.fields import Catalogue

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


@dataclass(frozen=True)
class Watch:
    """What is seen of the requests of an explanation; without ``send``, there are none."""

    send: bool
    observed: list[Observed] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def learn(self, assembly: Assembly) -> Catalogue:
        """Ask the vendor which fields there are, if something is sent; else the vendor decides."""
        if not self.send:
            return Catalogue()
        found = learned(assembly.vendor, assembly.transport)
        if found.unanswered:
            self.notes.append(
                f"no field catalogue ({found.unanswered}); the vendor decides which fields there are"
            )
        return found.catalogue


def explain(
    assembly: Assembly, wanted: str | int, watch: Watch, find: Callable[[str], Connection]
) -> Explanation:
    """Say what a push that is put together so would do with one key, and why.

    Nothing is sent and nothing is written down; if ``watch`` says so, the rows of the key, and only those,
    are pushed as a push would push them, through the ledger if there is one. ``find`` looks a connection up.

    Raises:
        ConfigurationError: the connection or an argument is wrong.
        SourceError: the source cannot be read.
        PushStopped: the ledger's database failed.
    """
    ledger_conn_id = assembly.options.ledger_conn_id
    case = _Case(assembly, watch, find(ledger_conn_id) if ledger_conn_id else None)
    try:
        found = Found.of(assembly.source, assembly.mapper, exact_key(wanted))
    except InvalidRecord as error:
        raise ConfigurationError(f"the wanted key cannot be one: {error}") from None
    finally:
        assembly.source.close()
    return case.sent(found) if watch.send and found.rows else case.told(found)


class _Case:
    """One key, one vendor, one ledger or none."""

    def __init__(self, assembly: Assembly, watch: Watch, store: Connection | None) -> None:
        self._asked = assembly.names_labels
        assembly.learn_labels()
        self.mapper = assembly.mapper
        self._assembly = assembly
        self._watch = watch
        self._vendor = assembly.vendor
        self._store = store

    # -- without sending --------------------------------------------------------------------------------

    def told(self, found: Found) -> Explanation:
        """Explain without sending anything."""
        with read_ledger(self._assembly, self._store) as ledger:
            rows, known = self._judged(found, ledger)
        window = Window(len(rows) + 1)
        for row in rows:
            if row.change and row.verdict is Verdict.PLANNED:
                window.add(row.part or row.change)
        masks = Masks(self._vendor.access)
        requests: list[Exchange] = []
        notes = []
        if self._assembly.options.set_if_empty and rows:
            only = ", ".join(self._assembly.options.set_if_empty)
            notes.append(f"{only}: only set where {self._vendor.name} holds nothing, which is read first")
        for planned in window.drain():
            requests += self._unsent(planned.change, masks)
            if planned.change.sought and not planned.change.sought.found:
                notes.append(
                    f"its profile is not known yet: {self._vendor.name} is asked first whose "
                    f"{planned.change.sought.by} it is, and the change goes to the one that is found"
                )
        names = {name for row in rows if row.change for name in row.change.fields}
        if not self._asked and rows and self._vendor.is_catalogued(names):
            notes.append(
                f"{self._vendor.name} tells which fields it has, but is not asked unless something is sent: "
                "a push may find a field invalid that is not found so here"
            )
        return self._explanation(found, rows, known, requests, notes=notes)

    def _unsent(self, change: Change, masks: Masks) -> list[Exchange]:
        """Return what would be sent of a change; where its profile is not known, how that is looked up."""
        key_type = self.mapper.vendor_key_type
        return unsent(self._vendor, addressed(change, key_type), masks, key_type=key_type)

    def _judged(
        self, found: Found, ledger: ReadLedger | None
    ) -> tuple[list[RowExplained], LedgerExplained | None]:
        """Say of each row what a push would make of it."""
        if ledger is None or self._store is None:
            known = LedgerExplained(known=False) if self._store else None
            rows = [self._planned(row) for row in found.rows]
            return [
                replace(row, why=Reason.NEW.value) if known and row.change else row for row in rows
            ], known
        prints = fingerprints_of(ledger, self._vendor, self.mapper, self._assembly.mapping)
        profile = self.mapper.profile_of(found.key)
        entry = ledger.known([profile]).get(profile)
        if entry:
            ledger.add_fields([entry])
        settled: dict[int, tuple[Verdict, str]] = {}

        def settle(source: Change | Row, verdict: Verdict, reason: str = "") -> None:
            settled[source.position] = verdict, reason

        ids = ledger.read_ids(self.mapper.vendor_key_type) if self._assembly.options.match else None
        ledger_session = LedgerSession(self.mapper, ledger, prints, self._assembly.comparing, ids=ids)
        proposals = {
            proposal.change.position: proposal
            for proposal in ledger_session.proposals(iter(found.rows), settle)
        }
        rows = []
        for row in found.rows:
            explained = self._planned(row)
            if proposal := proposals.get(row.position):
                is_second = proposal.why is Reason.IN_DOUBT and not (entry and entry.doubt)
                why = "an earlier row of this key is sent, too" if is_second else proposal.why.value
                names = (*proposal.fields, *proposal.relationships)
                explained = replace(explained, why=why, fields=names, part=ledger_session.part(proposal))
            elif row.position in settled:
                verdict, why = settled[row.position]
                explained = replace(explained, verdict=verdict, why=why or _because(verdict))
            rows.append(explained)
        return rows, compared(entry, rows, prints, ledger.version_kind)

    def _planned(self, row: Row) -> RowExplained:
        try:
            change = self.mapper.change(row)
        except InvalidRecord as error:
            return RowExplained(
                position=row.position,
                place=self._assembly.source.place_of(row.position),
                content=row.content,
                change=None,
                verdict=Verdict.INVALID,
                why=str(error),
            )
        names = (*change.fields, *change.relationships)
        return RowExplained(
            position=row.position,
            place=self._assembly.source.place_of(row.position),
            content=row.content,
            change=change,
            verdict=Verdict.PLANNED,
            why=Reason.NO_LEDGER.value,
            fields=names,
        )

    # -- sending ----------------------------------------------------------------------------------------

    def sent(self, found: Found) -> Explanation:
        """Push the rows, and explain with what was answered."""
        vendor, assembly = self._vendor, self._assembly
        masks = Masks(vendor.access)
        with read_ledger(self._assembly, self._store) as ledger:
            rows, known = self._judged(found, ledger)
            done = self._deliver(found, assembly.sender, assembly.session)
        requests = sent(self._watch.observed, vendor, masks)
        deliveries = [
            Delivery(
                positions=tuple(part.position for part in settled.planned.parts),
                verdict=settled.verdict,
                reason=settled.reason,
                full=masks.text(settled.full or settled.reason),
            )
            for settled in done
        ]
        return self._explanation(found, rows, known, requests, deliveries, self._watch.notes, sent=True)

    def _deliver(self, found: Found, sender: Sender, ledger_session: LedgerSession | None) -> list[Settled]:
        """Send what a push would send of the rows, and write down what became of it."""
        if ledger_session:
            changes = list(ledger_session.changes(iter(found.rows), lambda source, verdict, reason="": None))
        else:
            planned = [self._planned(row).change for row in found.rows]
            changes = [change for change in planned if change]
        window = Window(len(changes) + 1)
        for change in changes:
            window.add(change)
        done = []
        for waiting in list(window.drain()):
            done += sender.deliver([waiting])
            if ledger_session:
                if done[-1].unsure:
                    ledger_session.unsure(waiting)
                ledger_session.settled(waiting, done[-1].verdict, done[-1].answered)
        if ledger_session:
            ledger_session.flush()
        return done

    def _explanation(
        self,
        found: Found,
        rows: Sequence[RowExplained],
        ledger: LedgerExplained | None,
        requests: Iterable[Exchange],
        deliveries: Iterable[Delivery] = (),
        notes: Iterable[str] = (),
        *,
        sent: bool = False,
    ) -> Explanation:
        key_type = next((row.change.key_type for row in rows if row.change), self.mapper.key_type)
        return Explanation(
            vendor=self._vendor.name,
            target=self._assembly.surroundings.target,
            key=found.key,
            key_type=key_type,
            is_vendor_key=self._vendor.is_vendor_key(Change(found.key, {}, key_type)),
            read=found.read,
            unreadable=found.unreadable,
            rows=tuple(rows),
            ledger=ledger,
            requests=tuple(requests),
            sent=sent,
            deliveries=tuple(deliveries),
            notes=tuple(notes),
            made={name: repr(of) for name, of in self.mapper.made.items()},
        )


def _because(verdict: Verdict) -> str:
    return "the vendor acknowledged these very values" if verdict is Verdict.UNCHANGED else ""
