"""Keeps back what a vendor holds already: rows in, those changes out that the ledger does not know of."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Protocol, TypeVar

from airflow_profile_provider.errors import InvalidRecord, PushStopped, SourceError
from airflow_profile_provider.ledger.fingerprints import Fingerprints
from airflow_profile_provider.ledger.ledger import MANY, Entry, Ledger, now_of
from airflow_profile_provider.ledger.names import kept_name
from airflow_profile_provider.ledger.postponed import Postponed, Seen, Waiting
from airflow_profile_provider.ledger.tables import LONGEST_KEY
from airflow_profile_provider.mapping.mapper import Planner
from airflow_profile_provider.mapping.window import Planned
from airflow_profile_provider.records import Change, Proposal, Reason, Row, Verdict, order_of
from airflow_profile_provider.sources.batches import Block
from airflow_profile_provider.values import exact_key

CHUNK = 1000
MOST_EARLIER = 1000
MOST_FAILED = 10_000
EARLIER_BYTES = 6
MOST_PASSED = 100_000
REFUSALS = 5
QUARANTINE_SECONDS = 7 * 86400.0
DOUBT_SECONDS = 900.0


class Settle(Protocol):
    """Gives a record that is not sent its verdict."""

    def __call__(self, source: Change | Row, verdict: Verdict, reason: str = "") -> None: ...


@dataclass(frozen=True, slots=True)
class Comparing:
    """How a push uses its ledger.

    ``run`` names the run that a refusal counts in, once. ``mixed_key_types`` lets a target be known by two
    identifiers, where no person is in both. ``doubt_seconds`` is how long an attempt without an answer may
    still be under way.
    """

    run: str = ""
    changed_fields_only: bool = False
    ignore: bool = False
    baseline: bool = False
    mixed_key_types: bool = False
    doubt_seconds: float = DOUBT_SECONDS


@dataclass(slots=True)
class _Sent:
    """A change on its way: the ledger's entry of its key, and the fingerprints of its row and of it.

    ``since`` is when it was taken to be sent, as the ledger counts time.
    """

    since: int
    entry: Entry
    row: bytes
    whole: str


@dataclass(slots=True)
class _Found:
    """A planned change, the ledger's entry of its key, and the fingerprint of its row."""

    change: Change
    entry: Entry
    row: bytes


_Item = TypeVar("_Item", Row, Proposal, Waiting)


class Sieve:
    """Compares changes with a ledger before they are sent, and writes down what became of them after.

    A key that is on its way is never taken for unchanged: what the ledger says of it is about to be untrue.
    """

    def __init__(
        self,
        planner: Planner,
        ledger: Ledger,
        prints: Fingerprints,
        how: Comparing,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._planner = planner
        self._ledger = ledger
        self._prints = prints
        self._how = how
        self._clock = clock
        self._sent: dict[int, _Sent] = {}
        self._proposed_keys: set[int] = set()
        self._dry = False
        self._version_kind = ""
        self._kind_kept = False
        self._on_the_way: dict[str, tuple[Entry, int]] = {}
        self._news: dict[str, Entry] = {}
        self._postponed = Postponed()
        self._seen = Seen()
        self._failed: dict[str, list[str]] = {}
        self.is_whole: Callable[[], bool] = lambda: True
        """Whether the source was read to its end: where it broke, what a later row would be is not known."""
        self.waits: Callable[[int], object] = lambda position: None
        """Hears of the position of a record that is kept here until its verdict."""
        self._doubts: dict[str, Entry] = {}
        self._refusals: list[tuple[str, str]] = []
        self._acknowledged = False

    @property
    def knows_nothing(self) -> bool:
        """Whether the vendor has acknowledged nothing so far, as far as the ledger knows."""
        return self._ledger.is_empty

    def forbidden(self) -> PushStopped | None:
        """Say why nothing more may be sent, if so: another push has taken over."""
        return self._ledger.lease.check() if self._ledger.lease else None

    # -- before sending ---------------------------------------------------------------------------------

    def changes(self, rows: Iterator[Row], settle: Settle) -> Iterator[Change]:
        """Yield what must be sent, marked as in doubt; everything else gets its verdict by ``settle``."""
        yield from self._claimed(self._with_postponed(rows, settle), settle)

    def unheld(
        self, blocks: Iterator[Block], settle: Callable[[Block, Sequence[int]], None]
    ) -> Iterator[Row]:
        """Yield the rows that are not plainly those that were acknowledged last; settle the others at once.

        A key that was let through once always is, for what the ledger says of it is about to be untrue.
        """
        passed: set[str] = set()
        for block in blocks:
            prints = self._prints.of_rows(block)
            if len(passed) > MOST_PASSED:  # nearly everything is new: looking first is in vain
                settle(block, range(len(block)))
                yield from block.rows(range(len(block)), prints)
                continue
            keys = self._planner.profiles_of(_texts(block.keys()))
            new = self._ledger.unlike(keys, prints)
            if not passed.isdisjoint(keys) or len(set(keys)) < len(keys):
                let = passed.union([keys[i] for i in new])
                new = [i for i, key in enumerate(keys) if key in let]
            passed.update([keys[i] for i in new])
            settle(block, new)
            yield from block.rows(new, prints)

    def again(self, proposals: Iterable[Proposal], settle: Settle) -> Iterator[Change]:
        """Do the same for what was proposed."""
        found = self._chunks(iter(proposals), self._proposed, settle)
        yield from self._claimed(((chunk, True) for chunk in found), settle)

    def proposals(self, rows: Iterator[Row], settle: Settle) -> Iterator[Proposal]:
        """Yield what would be sent, and write nothing down."""
        self._dry = True
        for found, final in self._with_postponed(rows, settle):
            for item in found:
                for _, proposal in self._decided(item, settle, self._proposed_keys, final=final):
                    self._proposed_keys.add(hash(_profile(proposal.change)))
                    yield proposal
        self._proposed_keys.clear()
        self._dry = False

    def _with_postponed(self, rows: Iterator[Row], settle: Settle) -> Iterator[tuple[list[_Found], bool]]:
        """Plan rows, and in the end what was postponed meanwhile; say whether that is final."""
        why = "the source was not read to its end, where a later row of the key may be"
        try:
            for found in self._chunks(rows, self._planned, settle):
                yield found, False
            while self.is_whole() and (taken := self._postponed.take(CHUNK)):
                yield from ((found, True) for found in self._chunks(iter(taken), self._waiting, settle))
        except (PushStopped, SourceError) as error:
            self.leave(settle, str(error) if isinstance(error, PushStopped) else why)
            raise
        self.leave(settle, why)

    def leave(self, settle: Settle, why: str) -> None:
        """Settle what still waits for a later row that will not come."""
        for waiting in self._postponed.drain():
            settle(waiting.change, Verdict.UNSENT, why)

    def _chunks(
        self, items: Iterator[_Item], plan: Callable[[list[_Item], Settle], list[_Found]], settle: Settle
    ) -> Iterator[list[_Found]]:
        """Plan a chunk at a time, and add what the ledger knows of it; a ledger that fails loses nothing."""
        while chunk := list(islice(items, CHUNK)):
            done: set[int] = set()

            def settled(source: Change | Row, verdict: Verdict, reason: str = "") -> None:
                done.add(source.position)  # noqa: B023 -- called while this chunk is looked at
                settle(source, verdict, reason)

            try:
                self.flush()
                found = plan(chunk, settled)
                fresh = {item.entry.key: item.entry for item in found}
                known = [
                    entry
                    for key, entry in fresh.items()
                    if entry.row is not None and key not in self._on_the_way
                ]
                if known:
                    self._ledger.add_fields(known)
            except PushStopped as stopped:
                for item in chunk:
                    source = item if isinstance(item, Row) else item.change
                    if source.position not in done:
                        settle(source, Verdict.UNSENT, str(stopped))
                raise
            yield found

    def _claimed(self, chunks: Iterable[tuple[list[_Found], bool]], settle: Settle) -> Iterator[Change]:
        for found, final in chunks:
            to_send = list(self._sent_of(found, settle, final=final))
            try:
                self._ledger.put_in_doubt([self._sent[change.position].entry for change in to_send])
            except PushStopped as stopped:
                for change in to_send:
                    settle(change, Verdict.UNSENT, str(stopped))
                self.leave(settle, str(stopped))
                raise
            yield from to_send

    def _sent_of(self, found: list[_Found], settle: Settle, *, final: bool) -> Iterator[Change]:
        for item in found:
            for one, proposal in self._decided(item, settle, self._on_the_way, final=final):
                yield self._send(one, proposal)

    def _planned(self, chunk: list[Row], settle: Settle) -> list[_Found]:
        """Plan the rows that are not plainly those that were acknowledged last."""
        keys = [(not row.problem and self._planner.key_in(row.content)) or "" for row in chunk]
        profiles = self._planner.profiles_of(keys)
        known = self._ledger.known(set(profiles) - {""})
        touched = set(self._on_the_way)
        found = []
        for row, key in zip(chunk, profiles, strict=True):
            entry = known.get(key)
            # A change in the place of a row to be mapped, as the rejects hold, has none of the columns.
            is_change = isinstance(row.content, Mapping) and self._planner.holds_change(row.content)
            print_of_row = self._prints.of_row(row, whole=is_change)
            if (
                entry
                and key not in touched
                and hash(key) not in self._proposed_keys
                and key not in self._postponed
                and self._is_held(entry, print_of_row)
            ):
                settle(row, Verdict.UNCHANGED)
                continue
            try:
                change = self._planner.change(row)
                self._check(change)
            except InvalidRecord as error:
                settle(row, Verdict.INVALID, str(error))
                continue
            touched.add(_profile(change))
            found.append(_Found(change, self._entry(_profile(change), known), print_of_row))
        return found

    def _check(self, change: Change) -> None:
        """Refuse what a ledger cannot keep."""
        if change.key_type != self._planner.key_type:
            raise InvalidRecord(f"its key_type is not the ledger's, {self._planner.key_type}")
        if max(len(change.key), len(_profile(change))) > LONGEST_KEY:
            raise InvalidRecord(f"the key has more than the {LONGEST_KEY} characters that the ledger keeps")
        if not -(2**63) <= (_order(change) or 0) < 2**63:
            raise InvalidRecord("the version has more than the 64 bits that the ledger keeps")

    def _waiting(self, chunk: list[Waiting], settle: Settle) -> list[_Found]:
        known = self._ledger.known({_profile(waiting.change) for waiting in chunk})
        return [
            _Found(waiting.change, self._entry(_profile(waiting.change), known), waiting.row)
            for waiting in chunk
        ]

    def _proposed(self, chunk: list[Proposal], settle: Settle) -> list[_Found]:
        known = self._ledger.known({_profile(proposal.change) for proposal in chunk})
        return [
            _Found(proposal.change, self._entry(_profile(proposal.change), known), proposal.row)
            for proposal in chunk
        ]

    def _is_held(self, entry: Entry, print_of_row: bytes) -> bool:
        """Whether the row is the one that was acknowledged; a version may be newer, so it is looked at."""
        held = entry.row == print_of_row and not (entry.doubt or self._how.ignore)
        return held and not self._planner.version_column

    def _entry(self, key: str, known: dict[str, Entry]) -> Entry:
        if key in self._on_the_way:
            return self._on_the_way[key][0]
        return known.setdefault(key, Entry(key))

    def _decided(
        self, found: _Found, settle: Settle, pending: Container[Any], *, final: bool
    ) -> Iterator[tuple[_Found, Proposal]]:
        """Say what is to be sent now: of a change, or first of those that wait for a later row of its key.

        A row whose place the acknowledged one took before waits for that one to come again, or another:
        where nothing has changed, it does, and nothing is sent. ``final``: nothing waits any longer.
        """
        waiting = [] if final else self._postponed.of(_profile(found.change))
        may_wait = not final and self._is_trusted(found, pending) and not self._is_old(found)
        was_earlier = _short(found.row) in found.entry.earlier
        if may_wait and (waiting or was_earlier):
            fields = self._prints.of_change(found.change)
            different = frozenset(self._different(found, fields))
            held = bool(waiting) and not different
            if held and self._cover(fields, waiting):
                self._settle_waiting(waiting, settle)
                waiting = []
            elif held or (different and was_earlier):
                self._postponed.add(_profile(found.change), Waiting(found.change, found.row, different))
                self.waits(found.change.position)
                return
        if waiting and not self._is_old(found):
            self._postponed.remove(_profile(found.change))
            for one in waiting:
                before = _Found(one.change, found.entry, one.row)
                if proposal := self._judge(before, settle, pending):
                    yield before, proposal
        if proposal := self._judge(found, settle, pending):
            yield found, proposal

    def _cover(self, fields: Mapping[str, str], waiting: Sequence[Waiting]) -> bool:
        """Whether each field in which one that waits differs stands in a later one, or in the last, too."""
        names = set(fields)
        for one in reversed(waiting):
            if not names >= one.different:
                return False
            names.update(self._prints.of_change(one.change))
        return True

    def _settle_waiting(self, waiting: Sequence[Waiting], settle: Settle) -> None:
        """Settle what waited for a row that has come: the vendor holds all that it says."""
        self._postponed.remove(_profile(waiting[0].change))
        for one in waiting:
            if one.different:
                settle(one.change, Verdict.SUPERSEDED, "a later row of its key is what the vendor holds")
            else:
                settle(one.change, Verdict.UNCHANGED)

    def _is_trusted(self, found: _Found, pending: Container[Any]) -> bool:
        """Whether what the ledger says of the profile is true when the change's turn comes."""
        return not (self._is_doubted(found) or self._how.ignore or self._is_pending(found.change, pending))

    def _is_doubted(self, found: _Found) -> bool:
        """Whether the vendor may hold, now or soon, something else than what it acknowledged."""
        if not found.entry.doubt:
            return False
        whole = self._prints.of_all(self._prints.of_change(found.change))
        return not found.entry.is_settled(whole, now_of(self._clock()))

    @staticmethod
    def _is_old(found: _Found) -> bool:
        """Whether a newer version is known."""
        order, newest = _order(found.change), found.entry.order
        return order is not None and newest is not None and order < newest

    @staticmethod
    def _different(found: _Found, fields: dict[str, str]) -> tuple[str, ...]:
        return tuple(name for name, known in fields.items() if found.entry.fields.get(name) != known)

    @staticmethod
    def _is_pending(change: Change, pending: Container[Any]) -> bool:
        """Whether another change of the same profile is to be sent before it."""
        return _profile(change) in pending or hash(_profile(change)) in pending

    def _judge(self, found: _Found, settle: Settle, pending: Container[Any]) -> Proposal | None:
        """Say what is to be sent of a change, or settle it."""
        change, entry = found.change, found.entry
        fields = self._prints.of_change(change)
        whole = self._prints.of_all(fields)
        order = _order(change)
        if problem := self._wrong_kind(change):
            settle(change, Verdict.INVALID, problem)
            return None
        if self._is_old(found):
            settle(change, Verdict.SUPERSEDED, "a newer version is known")
            return None
        is_pending = self._is_pending(change, pending)
        different = self._different(found, fields)
        trusted = self._is_trusted(found, pending)
        if trusted and not different:
            entry.row = found.row
            entry.order = _newer(order, entry.order)
            if not self._dry:
                self._news[entry.key] = entry
            settle(change, Verdict.UNCHANGED)
            return None
        if self._is_quarantined(entry, whole):
            settle(change, Verdict.QUARANTINED, f"was refused in {entry.refusals} runs; it waits a week")
            return None
        if self._how.baseline and not self._dry:
            self._keep(entry, fields, [found.row], order, now_of(self._clock()))
            settle(change, Verdict.PLANNED)
            return None
        why = Reason.CHANGED if entry.fields else Reason.NEW
        if not trusted:
            why = Reason.IGNORED if self._how.ignore else Reason.IN_DOUBT
        names = set(different if trusted else fields)
        own = tuple(name for name in change.fields if name in names)
        links = tuple(name for name in change.relationships if kept_name(name) in names)
        return Proposal(change, why, own, links, whole, found.row, is_pending)

    def _wrong_kind(self, change: Change) -> str:
        """Say that a version cannot be compared with those in the ledger."""
        found = order_of(change.version)
        if found is None:
            return ""
        if not self._kind_kept:
            kept = self._ledger.version_kind
            self._kind_kept = kept is not None or not self._dry
            if kept is None and not self._dry:
                kept = self._ledger.keep_version_kind(found[0])
            self._version_kind = kept or self._version_kind or found[0]
        if found[0] == self._version_kind:
            return ""
        return f"its version is an {found[0]}, and the ledger has an {self._version_kind} for this target"

    def part(self, proposal: Proposal) -> Change:
        """Return what is sent of a change: all of it, or what differs."""
        if self._how.changed_fields_only and proposal.why in {Reason.NEW, Reason.CHANGED}:
            return _only(proposal)
        return proposal.change

    def _send(self, found: _Found, proposal: Proposal) -> Change:
        """Note that a change is on its way."""
        change, entry = self.part(proposal), found.entry
        entry.order = _newer(_order(change), entry.order)
        _, number = self._on_the_way.get(_profile(change), (entry, 0))
        if entry.under_way and not number:  # left behind by a push that was killed, or lives on unheard
            entry.doubt_until(self._doubt_ends(), entry.sent or MANY)
        entry.set_out(proposal.whole)
        self._on_the_way[_profile(change)] = (entry, number + 1)
        self._sent[change.position] = _Sent(now_of(self._clock()), entry, found.row, proposal.whole)
        return change

    def _is_quarantined(self, entry: Entry, whole: str) -> bool:
        return (
            not self._how.ignore
            and entry.refused == whole
            and set_aside_until(entry.refusals, entry.refused_at, self._clock()) is not None
        )

    # -- after sending ----------------------------------------------------------------------------------

    def unsure(self, planned: Planned) -> None:
        """Learn that an attempt to send a change got no answer: it may yet arrive, after later ones."""
        for part in planned.parts:
            if sent := self._sent.get(part.position):
                sent.entry.doubt_until(self._doubt_ends(), sent.whole)

    def _doubt_ends(self) -> int:
        """Return until when an attempt that is under way now may still arrive; 0 where nobody minds."""
        seconds = self._how.doubt_seconds
        return now_of(self._clock() + seconds) if seconds else 0

    def settled(self, planned: Planned, verdict: Verdict) -> None:
        """Learn what became of a change that was sent, and of those whose place it took."""
        newest = self._sent.get(planned.change.position)
        sent = [self._sent[part.position].row for part in planned.parts if part.position in self._sent]
        for part in planned.parts:
            self._arrived(part)
        if newest is None:
            return
        entry = newest.entry
        if verdict.acknowledged:
            self._acknowledged = True
            prints, rows = self._prints.of_change(planned.change), [*sent, newest.row]
            self._keep(entry, prints, rows, _order(planned.change), newest.since)
            return
        entry.fail()
        self._news.pop(entry.key, None)
        if len(self._failed) < MOST_FAILED:
            self._failed.setdefault(entry.key, []).extend(map(_short, sent))
        self._doubts[entry.key] = entry
        if verdict is Verdict.REJECTED:
            self._refusals.append((entry.key, newest.whole))

    def _arrived(self, part: Change) -> None:
        if self._sent.pop(part.position, None) is None:
            return
        entry, number = self._on_the_way[_profile(part)]
        if number > 1:
            self._on_the_way[_profile(part)] = (entry, number - 1)
        else:
            del self._on_the_way[_profile(part)]
            entry.claim = None

    def _keep(
        self, entry: Entry, fields: dict[str, str], rows: list[bytes], order: int | None, since: int
    ) -> None:
        """Keep what was acknowledged: the last of the rows, and that it took the others' place."""
        before = [] if entry.row is None else [_short(entry.row)]
        known = entry.earlier if self._seen.add(entry.key) else ()
        earlier = dict.fromkeys((*known, *self._failed.pop(entry.key, ()), *before, *map(_short, rows)))
        earlier.pop(_short(rows[-1]), None)
        entry.earlier = tuple(earlier)[-MOST_EARLIER:]
        entry.fields.update(fields)
        entry.row = rows[-1]
        entry.arrive(since)
        entry.order = order if order is not None else entry.order
        self._news[entry.key] = entry
        self._doubts.pop(entry.key, None)

    def let_go(self) -> None:
        """Learn that nothing is under way any more: what has no verdict was never sent."""
        for sent in self._sent.values():
            sent.entry.fail()
            self._news.pop(sent.entry.key, None)
            self._doubts[sent.entry.key] = sent.entry
        self._sent.clear()
        self._on_the_way.clear()

    def flush(self) -> None:
        """Write down what was acknowledged; a key that is still on its way stays in doubt."""
        ready = [entry for key, entry in self._news.items() if key not in self._on_the_way]
        self._ledger.acknowledge(ready)
        self._news = {key: entry for key, entry in self._news.items() if key in self._on_the_way}
        self._ledger.keep_doubts(
            [entry for key, entry in self._doubts.items() if key not in self._on_the_way]
        )
        self._doubts = {key: entry for key, entry in self._doubts.items() if key in self._on_the_way}
        if self._acknowledged:  # a vendor that refuses everything says nothing of a record
            self._ledger.count_refusals(self._refusals, self._how.run)
            self._refusals = []


def set_aside_until(refusals: int, refused_at: float, now: float) -> float | None:
    """Return until when (Unix time) a change is set aside that was refused so often, and last then, if so."""
    until = refused_at + QUARANTINE_SECONDS
    return until if refusals >= REFUSALS and now < until else None


def _short(row: bytes) -> str:
    """Return enough of a row's fingerprint to tell it from others of its key."""
    return row[:EARLIER_BYTES].hex()


def _texts(keys: list[Any]) -> list[str]:
    try:
        if "".join(keys).isprintable():  # they are all strings, and none of them odd
            return keys
    except TypeError:
        pass
    return [_text(key) for key in keys]


def _text(key: Any) -> str:
    """Return a key as the ledger holds it, or what it holds for none."""
    try:
        return exact_key(key)
    except InvalidRecord:
        return ""


def _profile(change: Change) -> str:
    """Return under which key the ledger keeps a change."""
    return change.profile or change.key


def _order(change: Change) -> int | None:
    found = order_of(change.version)
    return found[1] if found else None


def _only(proposal: Proposal) -> Change:
    """Return what differs of a change."""
    change = proposal.change
    fields = {name: change.fields[name] for name in proposal.fields}
    links = {name: change.relationships[name] for name in proposal.relationships}
    return replace(change, fields=fields, relationships=links)


def _newer(one: int | None, other: int | None) -> int | None:
    known = [order for order in (one, other) if order is not None]
    return max(known, default=None)
