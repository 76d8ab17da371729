"""From rows to what must be read of the vendor, compared as its list comes by; and from there to a repair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from airflow_profile_provider.delivery.comparison import Comparison
from airflow_profile_provider.delivery.reader import Reader
from airflow_profile_provider.delivery.settled import Settled
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import (
    ConfigurationError,
    InvalidRecord,
    PushStopped,
    RecordRefused,
    Retriable,
)
from airflow_profile_provider.ledger.auditing import ToCompare
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.audited import AuditSettlement, KeptBack
from airflow_profile_provider.push.findings import Findings
from airflow_profile_provider.push.gathered import Gathered, Gathering, profile_name
from airflow_profile_provider.push.intake import Intake
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.no_ledger import Audit, Session
from airflow_profile_provider.push.pages import Pages
from airflow_profile_provider.push.planning import count_lost
from airflow_profile_provider.push.telling import Telling
from airflow_profile_provider.push.watermark import Watermark
from airflow_profile_provider.push.ways import Ways, can_list, can_read
from airflow_profile_provider.records import Change, Verdict
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Held, Page

GATHERED_AT_ONCE = 1000
READ_AT_ONCE = 500
"""How many profiles are looked up in the ledger together before they are read by their keys."""
ENOUGH_AGREED = 20
"""After so many profiles that differed as the list had said, one that does not lag is taken at its word."""
MOST_TRIED = 50
"""So many such profiles are read one by one, to find that out; all others several at a time."""
END = "end"


class Auditing:
    """Compares the records of one audit with what the vendor holds, and repairs them if that was asked for.

    The whole source is gathered first. Then pages of the vendor's list come by, as long as they cost less
    than reading what is left key by key. What a page shows to be right is settled; what differs, or is on no
    page, is read once more by its key: a list may lag, and it moves while it is read.
    """

    def __init__(
        self,
        *,
        vendor: Vendor,
        transport: Transport,
        reader: Reader,
        comparison: Comparison,
        mapper: Mapper,
        intake: Intake,
        session: Session,
        audit: Audit,
        settlement: AuditSettlement,
        findings: Findings,
        found: KeptBack | None,
        account: Account,
        watermark: Watermark,
        telling: Telling,
        log: Log,
        in_flight: int,
        perhaps_sent: bool,
    ) -> None:
        self._vendor = vendor
        self._transport = transport
        self._reader = reader
        self._comparison = comparison
        self._mapper = mapper
        self._intake = intake
        self._session = session
        self._audit = audit
        self._settlement = settlement
        self._findings = findings
        self._found = found
        self._account = account
        self._watermark = watermark
        self._telling = telling
        self._log = log
        self._perhaps_sent = perhaps_sent
        self._gathered = Gathered()
        self._pages = Pages(self._read_page, in_flight)
        self._fields: dict[str, None] = {}
        self._has_relationships = False
        self._cursor: str | None = None
        self._agreed = self._tried = 0
        self._complete = False
        """Whether the list was read to its end."""

    def stages(self) -> Iterator[Iterator[Change]]:
        """Yield what is to be read, and then what is to be sent."""
        yield self._to_compare()
        if self._found is not None:
            yield self._to_repair(self._found)

    def leave(self) -> None:
        """Settle what differs and was not sent, because the push has stopped."""
        if self._found is not None:
            verdict = Verdict.DRIFTED if self._reader.reads else Verdict.UNSENT
            self._found.leave(verdict, str(self._reader.stopped or ""))

    def close(self) -> None:
        """Close the private file, and say what is only known in the end."""
        if self._comparison.lacked_links and self._vendor.shows_relationships:
            self._log.warning(
                "%s showed profiles without their relationships: these were not compared", self._vendor.name
            )
        self._pages.close()
        self._gathered.close()

    # -- comparing --------------------------------------------------------------------------------------

    def _to_compare(self) -> Iterator[Change]:
        """Yield what is to be read by its key; whatever raises stops the push, and the rest is not read."""
        try:
            self._gather()
            yield from self._from_list()
            while not self._reader.stopped and (taken := self._gathered.take_next(READ_AT_ONCE)):
                yield from self._by_key(taken)
                self._settlement.write_down()
        except Exception as error:  # noqa: BLE001 -- what was gathered is accounted for, whatever it is
            self._reader.stop_for(error, "the audit")
        yield from self._left()

    def _left(self) -> Iterator[Change]:
        """Yield what was gathered and will not be read; what the private file has lost is counted."""
        while True:
            try:
                taken = self._gathered.take_next(READ_AT_ONCE)
            except Exception as error:  # noqa: BLE001 -- the disk, or what came back from it
                self._reader.stop_for(error, "reading the temporary file of the audit")
                count_lost(self._gathered.records, self._account, self._log)
                return
            if not taken:
                return
            yield from map(self._settlement.compare, taken)

    def _gather(self) -> None:
        """Take in the whole source; what is wrong with a row is settled here."""
        while chunk := list(islice(self._intake.rows, GATHERED_AT_ONCE)):
            changes: list[Change] = []
            prints: list[bytes] = []
            for row in chunk:
                try:
                    change = self._mapper.change(row)
                    self._audit.check(change)
                except InvalidRecord as error:
                    self._settlement.settle_early(row, Verdict.INVALID, str(error))
                    continue
                self._fields.update(dict.fromkeys(change.fields))
                self._has_relationships = self._has_relationships or bool(change.relationships)
                changes.append(change)
                prints.append(self._audit.print_of(row))
            changes = self._audit.with_ids(changes)
            self._gathered.add([self._listed_as(change) for change in changes], changes, prints)
            for change in changes:
                self._settlement.open.pop(change.position, None)
            if self._reader.stopped:
                return
        self._say_what_is_not_compared()

    def _listed_as(self, change: Change) -> bytes:
        """Return as whom the vendor's list would have the profile of a change, as far as that is known."""
        if change.sought is None or not change.sought.found:
            return profile_name(*change.identity)
        key_type = self._mapper.vendor_key_type
        return profile_name(key_type, self._mapper.profile_of(change.sought.found, key_type))

    def _say_what_is_not_compared(self) -> None:
        """Warn of what no vendor's answer can confirm."""
        readable = set(self._comparison.readable(list(self._fields)))
        if never := [name for name in self._fields if name not in readable]:
            self._log.warning(
                "%s does not give back %s: these fields are not compared", self._vendor.name, ", ".join(never)
            )
        if self._has_relationships and not self._vendor.shows_relationships:
            self._log.warning("%s does not show relationships: they are not compared", self._vendor.name)

    def _from_list(self) -> Iterator[Change]:
        """Compare page by page as long as that pays; yield what must be read once more."""
        left = self._gathered.left
        if not left or self._reader.stopped:
            return
        ways = self._ways()
        self._log.info("%d profiles to read; %s", left, ways.words(left))
        listing = False
        while (left := self._gathered.left) and not self._reader.stopped and ways.list_pays(left):
            if (page := self._next_page(ways)) is None:
                break
            if not listing:
                listing = True
                self._log.info("The list's pages are read; %s", ways.words(left))
            yield from self._of_page(page, ways)
            self._cursor = page.cursor
            ways.listed = ways.listed and page.cursor is not None
            self._complete = page.cursor is None
            self._watermark.cursor = f"{ways.pages} {END if self._complete else page.cursor}"
            self._settlement.write_down()
            self._telling.now_and_then()
        if left := self._gathered.left:
            more = "The other " if listing else ""
            self._log.info("%s%d profiles are read by their keys", more, left)

    def _ways(self) -> Ways:
        """Return what is known of the costs, and go on where an earlier try was in the list."""
        fields = self._comparison.readable(list(self._fields))
        pages, _, cursor = (self._watermark.cursor or "0 ").partition(" ")
        self._complete = cursor == END
        self._cursor = None if self._complete else cursor or None
        key_type = self._mapper.vendor_key_type
        listed = not self._complete and can_list(self._vendor, key_type, fields)
        return Ways(
            self._vendor,
            self._transport.quota,
            listed=listed,
            keyed=can_read(self._vendor, key_type),
            pages=int(pages),
        )

    def _next_page(self, ways: Ways) -> Page | None:
        """Read the next page; None where the vendor does not show its list, and the keys will do.

        Raises:
            PushStopped: it does not, and there is no other way; or nothing more can be read for now.
        """
        try:
            page = self._pages.at(self._cursor)
        except (RecordRefused, ConfigurationError) as error:
            ways.listed = False
            if not ways.keyed:
                raise PushStopped(f"the list of profiles cannot be read: {error}") from None
            self._log.warning("The list of profiles cannot be read (%s)", error)
            return None
        except Retriable as error:
            stopped = PushStopped(f"the list of profiles could not be read: {error}")
            stopped.after = error.after
            raise stopped from None
        self._reader.heard_page()
        ways.learn(page)
        most_left = self._gathered.left - len(page.held)
        if page.cursor is not None and most_left > 0 and ways.list_pays(most_left):
            self._pages.ask_for(page.cursor)  # whatever this page settles, the next one will be read
        return page

    def _read_page(self, cursor: str | None) -> Page:
        fields = self._comparison.readable(list(self._fields))
        return self._transport.drive(self._vendor.read_all(cursor, self._mapper.vendor_key_type, fields))

    def _of_page(self, page: Page, ways: Ways) -> Iterator[Change]:
        key_type = self._mapper.vendor_key_type
        held = {profile_name(key_type, self._mapper.profile_of(one.key, key_type)): one for one in page.held}
        taken = self._gathered.take(held)
        unshown = 0
        compared = self._looked_up([(gathering, held[name]) for name, gathering in taken.items()])
        for change, one in compared:
            settled = self._reader.judged(PendingChange(change, [change]), one)
            unshown += self._lacks_some(settled)
            if self._is_sure(settled, ways):
                self._settlement.settle(settled)
            elif settled.verdict is Verdict.DRIFTED and self._is_on_trial:
                self._try(settled)
            else:
                yield change
        if taken and unshown == len(taken) and ways.keyed:
            ways.listed = False
            self._log.info("The list does not show all of the fields that are compared")

    def _lacks_some(self, settled: Settled) -> bool:
        """Whether a page does not show what reading by key would."""
        unseen = settled.looked.unseen if settled.looked else ()
        return bool(unseen and self._comparison.readable(list(unseen)))

    @property
    def _is_on_trial(self) -> bool:
        """Whether the list may yet be found to be as good as reading by key."""
        return not self._vendor.lists_lag and self._tried < MOST_TRIED

    def _try(self, listed: Settled) -> None:
        """Read a profile of which the list says that it differs, and see whether the list is right."""
        self._tried += 1
        for settled in self._reader.deliver([listed.planned]):
            same = settled.looked and listed.looked and settled.looked.differing == listed.looked.differing
            self._agreed = self._agreed + 1 if same else 0
            self._settlement.settle(settled)

    def _is_sure(self, settled: Settled, ways: Ways) -> bool:
        """Whether what a page shows is the last word on a profile."""
        if not ways.keyed:
            return True
        if self._lacks_some(settled):
            return False
        if settled.verdict is Verdict.DRIFTED:
            return not self._vendor.lists_lag and self._agreed >= ENOUGH_AGREED
        return settled.verdict is Verdict.VERIFIED

    def _by_key(self, gatherings: Sequence[Gathering]) -> Iterator[Change]:
        """Yield what can be read by its key; the rest is as the list says, if it was read to its end."""
        for change, _ in self._looked_up([(gathering, None) for gathering in gatherings]):
            key_type = self._mapper.vendor_key_type if change.sought else change.key_type
            if can_read(self._vendor, key_type):
                yield change
                continue
            planned = PendingChange(change, [change])
            if self._complete and key_type == self._mapper.vendor_key_type:
                self._settlement.settle(self._reader.judged(planned, None))
            else:
                reason = f"no profile can be read by {key_type}"
                self._settlement.settle(Settled(planned, Verdict.FAILED, reason, reason))

    def _looked_up(
        self, items: Sequence[tuple[Gathering, Held | None]]
    ) -> Iterator[tuple[Change, Held | None]]:
        """Ask the ledger about changes, and yield those that are to be compared."""
        changes = [self._settlement.compare(gathering) for gathering, _ in items]
        done = self._audit.look_up(
            [ToCompare(change, gathering.rows) for change, (gathering, _) in zip(changes, items, strict=True)]
        )
        for change, (_, held) in zip(changes, items, strict=True):
            if found := done.get(change.position):
                verdict, reason = found
                planned = PendingChange(change, [change])
                self._settlement.settle(Settled(planned, verdict, reason, reason))
            else:
                yield change, held

    # -- repairing --------------------------------------------------------------------------------------

    def _to_repair(self, found: KeptBack) -> Iterator[Change]:
        """Yield what differs, all of it, unless it may not be sent."""
        problem = str(self._intake.broken or "") or self._findings.problem(self._account.received)
        if problem:
            raise PushStopped(problem)
        self._reader.send_from_now()
        for change in self._session.again(found, self._settlement.settle_early):
            yield replace(change, perhaps_sent=True) if self._perhaps_sent else change
