"""What became of changes that were sent, until it is written into the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from airflow_profile_provider.ledger.claims import Claims
from airflow_profile_provider.ledger.diff import Candidate, LedgerOptions, newer, place_of
from airflow_profile_provider.ledger.entry import MANY, Entry, now_of
from airflow_profile_provider.ledger.fingerprints import ChangePrints
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.names import answer_name
from airflow_profile_provider.ledger.packing import EARLIER_BYTES
from airflow_profile_provider.ledger.postponed import Seen
from airflow_profile_provider.ledger.salt import FIELD_BYTES, HASH_BYTES
from airflow_profile_provider.ledger.tables import ROW_BYTES
from airflow_profile_provider.mapping.window import PendingChange
from airflow_profile_provider.records import Change, Proposal, Verdict, is_leaver

MOST_EARLIER = 1000
"""How many rows whose place another one took are known by their fingerprints, for each key."""
LEFT = bytes(ROW_BYTES)
"""Stands for the row of a key that left: no row has this fingerprint."""
MOST_FAILED = 10_000
"""For how many keys that were not acknowledged their rows are remembered meanwhile."""


class Outcomes:
    """Takes note of claims and of what came of them; `flush` writes it down, many keys at a time.

    Without a ``writer``, for changes that are only proposed, there is nothing to write.
    """

    def __init__(
        self, writer: Ledger | None, policy: LedgerOptions, claims: Claims, clock: Callable[[], float]
    ) -> None:
        self._writer = writer
        self._policy = policy
        self._claims = claims
        self._clock = clock
        self._seen = Seen()
        self._failed: dict[str, list[bytes]] = {}
        self._news: dict[str, Entry] = {}
        self._doubts: dict[str, Entry] = {}
        self._refusals: list[tuple[str, str]] = []
        self._acknowledged = False

    def claim(self, change: Change, found: Candidate, entry: Entry, proposal: Proposal) -> None:
        """Note that a change is to be sent: all of what was found, or a part."""
        entry.order = newer(found.order, entry.order)
        if entry.under_way and found.key not in self._claims:
            # left behind by a push that was killed, or lives on unheard
            entry.doubt_until(self._doubt_ends(), entry.sent or MANY)
        entry.set_out(proposal.whole)
        self._claims.add(change, found, entry, self.now())

    def put_in_doubt(self, entries: Iterable[Entry]) -> None:
        """Write down that changes of these keys are about to be sent."""
        if self._writer is None:
            raise TypeError("changes may be sent only where a ledger is written")
        self._writer.put_in_doubt(entries)

    def now(self) -> int:
        """Return the time as entries keep it."""
        return now_of(self._clock())

    def unsure(self, planned: PendingChange) -> None:
        """Note that an attempt to send a change got no answer: it may yet arrive, after later ones."""
        for part in planned.parts:
            if sent := self._claims.of(part.position):
                sent.entry.doubt_until(self._doubt_ends(), sent.whole)

    def _doubt_ends(self) -> int:
        """Return until when an attempt that is under way now may still arrive; 0 where nobody minds."""
        seconds = self._policy.doubt_seconds
        return now_of(self._clock() + seconds) if seconds else 0

    def settled(
        self,
        planned: PendingChange,
        verdict: Verdict,
        prints_of: Callable[[Change], ChangePrints],
        answered: Mapping[str, Any],
    ) -> None:
        """Note what became of a change that was sent, and of those whose place it took.

        ``prints_of`` returns the fingerprints of a change; ``answered`` has the fields that the vendor keeps
        in another form.
        """
        newest = self._claims.of(planned.change.position)
        claims = [self._claims.of(part.position) for part in planned.parts]
        rows = [sent.row for sent in claims if sent]
        for part in planned.parts:
            self._claims.remove(part)
        if newest is None:
            return
        entry = newest.entry
        sought = planned.change.sought
        if sought and sought.moved:  # of the profile that is there now, nothing is known
            entry.row, entry.fields, entry.earlier = None, {}, ()
        if verdict.acknowledged or verdict is Verdict.UNCHANGED:
            self._acknowledged = True
            if is_leaver(planned.change.position):
                entry.arrive(newest.since)
                if self.keep_left(entry, held=False):
                    return
            order = place_of(planned.change)
            self.keep(entry, prints_of(planned.change).fields, [*rows, newest.row], order, newest.since)
            if answered:
                entry.fields.update(answers_of(planned.change, answered, prints_of))
            return
        self._fail(entry)
        if len(self._failed) < MOST_FAILED:
            self._failed.setdefault(entry.key, []).extend(map(short, rows))
        if verdict is Verdict.REJECTED and not (sought and not sought.found):  # else nothing was sent
            self._refusals.append((entry.key, newest.whole))

    def keep(
        self,
        entry: Entry,
        fields: Mapping[str, bytes],
        rows: Sequence[bytes],
        order: int | None,
        since: int,
    ) -> None:
        """Keep what was acknowledged: the last of the rows, and that it took the others' place."""
        before = [] if entry.row is None else [short(entry.row)]
        known = entry.earlier if self._seen.add(entry.key) else ()
        earlier = dict.fromkeys((*known, *self._failed.pop(entry.key, ()), *before, *map(short, rows)))
        earlier.pop(short(rows[-1]), None)
        entry.earlier = tuple(earlier)[-MOST_EARLIER:]
        entry.fields.update(fields)
        entry.row = rows[-1]
        entry.arrive(since)
        entry.order = order if order is not None else entry.order
        self._news[entry.key] = entry
        self._doubts.pop(entry.key, None)

    def keep_row(self, found: Candidate, entry: Entry, *, write: bool) -> None:
        """Keep a row that means what was acknowledged; without ``write``, for this push alone."""
        entry.row = found.row
        entry.order = newer(found.order, entry.order)
        if write:
            self._news[entry.key] = entry

    def keep_fields(self, entry: Entry, fields: Mapping[str, bytes]) -> None:
        """Keep some fields of what the vendor holds, and whichever row was acknowledged last."""
        if any(entry.fields.get(name) != digest for name, digest in fields.items()):
            entry.fields.update(fields)
            self._news[entry.key] = entry

    def doubt(self, entry: Entry) -> None:
        """Note that the vendor does not hold what it should: the next push sends it."""
        self._fail(entry)

    def keep_left(self, entry: Entry, *, held: bool) -> bool:
        """Keep that the vendor knows of a leaver, or did before (``held``); False: that is not sure yet."""
        if not entry.leave(LEFT, held=held):
            return False
        self._doubts.pop(entry.key, None)
        self._news[entry.key] = entry
        return True

    def _fail(self, entry: Entry) -> None:
        entry.fail()
        self._news.pop(entry.key, None)
        self._doubts[entry.key] = entry

    def let_go(self) -> None:
        """Note that nothing is under way any more: what has no verdict was never sent."""
        for entry in self._claims.clear():
            self._fail(entry)

    def flush(self) -> None:
        """Write down what was acknowledged; a key that is still on its way stays in doubt."""
        if self._writer is None:
            return
        ready = self._ready(self._news)
        self._writer.acknowledge([entry for entry in ready if not entry.left])
        self._writer.let_leave([entry for entry in ready if entry.left])
        self._news = self._unready(self._news)
        self._writer.keep_doubts(self._ready(self._doubts))
        self._doubts = self._unready(self._doubts)
        if self._acknowledged:  # a vendor that refuses everything says nothing of a record
            self._writer.count_refusals(self._refusals, self._policy.run)
            self._refusals = []

    def _ready(self, entries: Mapping[str, Entry]) -> list[Entry]:
        return [entry for key, entry in entries.items() if key not in self._claims]

    def _unready(self, entries: Mapping[str, Entry]) -> dict[str, Entry]:
        return {key: entry for key, entry in entries.items() if key in self._claims}


def answers_of(
    change: Change, held: Mapping[str, Any], prints_of: Callable[[Change], ChangePrints]
) -> dict[str, bytes]:
    """Return the fingerprints of values that the vendor keeps in the place of a change's, as it keeps them.

    Each is of both values, so that one of an earlier change says nothing of a later one.
    """
    sent, kept = prints_of(change).hashes, prints_of(replace(change, fields=held, relationships={})).hashes
    return {
        answer_name(name): blake2b(sent[name] + kept[name], digest_size=HASH_BYTES).digest()[:FIELD_BYTES]
        for name in kept.keys() & sent.keys()
    }


def is_answer_of(
    change: Change, field: str, held: Any, entry: Entry, prints_of: Callable[[Change], ChangePrints]
) -> bool:
    """Whether an entry knows this value as one that was answered in the place of a change's."""
    name = answer_name(field)
    kept = entry.fields.get(name)
    return kept is not None and answers_of(change, {field: held}, prints_of).get(name) == kept


def short(row: bytes) -> bytes:
    """Return enough of a row's fingerprint to tell it from others of its key."""
    return row[:EARLIER_BYTES]
