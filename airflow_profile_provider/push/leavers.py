"""Leavers: keys that this push once delivered, and that its source, read to the end, no longer has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from airflow_profile_provider.delivery.sender import Sender
from airflow_profile_provider.errors import OutputFailed
from airflow_profile_provider.ledger.candidates import texts_of
from airflow_profile_provider.ledger.members import KeysRead, Left, Members
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.options import Share
from airflow_profile_provider.private_files import PrivateDatabase
from airflow_profile_provider.push.account import Account
from airflow_profile_provider.push.log import Log
from airflow_profile_provider.push.outputs import Absent
from airflow_profile_provider.records import LEAVERS_FROM, Leaver, Row, is_reject
from airflow_profile_provider.sources.batches import RowBatch
from airflow_profile_provider.sources.partition import in_partition

USUAL = Share(20, percent=True)
AT_LEAST = 10
"""So many may leave a small table where nothing else is said: 20 % of ten people are two."""
_AT_ONCE = 1000


@dataclass(frozen=True, kw_only=True)
class AbsentOptions:
    """What is done about leavers: ``fields`` are sent to each, or (None) they are only reported.

    More than ``most`` of the keys that the push has delivered are left alone; None: the usual. ``share`` is
    the share of the keys that this task pushes. ``only_part`` says why the source is not the whole, where it
    is not. ``writes`` is false where nothing is to be written down.
    """

    fields: Mapping[str, Any] | None
    most: Share | None
    share: tuple[int, int] | None
    only_part: str
    writes: bool

    def allowed(self, number: int) -> float:
        """Return how many of so many keys may leave at once."""
        return max(USUAL.of(number), AT_LEAST) if self.most is None else self.most.of(number)

    @property
    def told(self) -> str:
        """How many that is, in words."""
        return f"{USUAL}, and at least {AT_LEAST}" if self.most is None else str(self.most)

    def is_own(self, key: str) -> bool:
        """Whether a key is in this task's share."""
        return self.share is None or in_partition(key, self.share)


class SourceKeys:
    """Notes whose rows a source has, as they are read; `close` forgets them."""

    def __init__(self, mapper: Mapper) -> None:
        self.read = KeysRead()
        self._mapper = mapper
        self._unread = 0
        self._replayed = False
        self._ended = False

    def noted(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Pass rows on, and note whose they are."""
        waiting: list[str] = []
        for row in rows:
            key = None if row.problem else self._mapper.key_in(row.content)
            if key is None:
                self._unread += 1
            else:
                waiting.append(key)
            self._replayed = self._replayed or row.replayed or (key is not None and is_reject(row.content))
            if len(waiting) >= _AT_ONCE:
                self._note(waiting)
                waiting.clear()
            yield row
        self._note(waiting)
        self._ended = True

    def noted_batches(self, batches: Iterator[RowBatch]) -> Iterator[RowBatch]:
        """Pass batches of rows on, and note whose they are."""
        for batch in batches:
            keys = texts_of(batch.keys())
            good = [key for key in keys if key]
            self._unread += len(keys) - len(good)
            self._note(good)
            yield batch
        self._ended = True

    def _note(self, keys: list[str]) -> None:
        if keys:
            self.read.add(self._mapper.profiles_of(keys), keys)

    @property
    def problem(self) -> str:
        """Why nobody can be told from it who left; empty where it can."""
        if not self._ended:
            return "the source was not read to its end"
        if not self.read.number:
            return "the source has no row with a key"
        if self._replayed:
            return "the source is a file of rejects"
        if self._unread:
            return f"{self._unread:,} rows have no key that can be read: nobody knows whose they are"
        return ""

    def close(self) -> None:
        """Forget the keys."""
        self.read.close()


class NoLeavers:
    """Nobody asks who left."""

    problem = ""
    """Why something was left undone that makes a task red; empty where nothing was."""
    told = 0
    """To how many something is sent, in all shares of a source together."""

    def rows(self) -> Iterator[Row]:
        """Yield nothing."""
        return iter(())


class Leavers(NoLeavers):
    """Finds the keys that a ledger has, and that the source, once it was read, has not."""

    def __init__(
        self,
        options: AbsentOptions,
        keys: SourceKeys,
        members: Members,
        account: Account,
        sender: Sender,
        log: Log,
        output: Absent | None,
    ) -> None:
        self.problem = ""
        self.told = 0
        self._how = options
        self._keys = keys
        self._members = members
        self._account = account
        self._sender = sender
        self._log = log
        self._output = output

    def rows(self) -> Iterator[Row]:
        """Yield a row for each leaver to which something is to be sent, once all other rows were read.

        Raises:
            LedgerFailed: the ledger cannot be read, or written.
        """
        if self._sender.stopped:
            return
        if partial := self._how.only_part or self._keys.problem:
            self._log.info("Who left the source was not looked for: %s", partial)
            return
        found = _Found()
        try:
            number = new = 0
            absent = self._members.absent(self._keys.read, is_own=self._how.is_own, write=self._how.writes)
            for left in absent:
                number += 1
                new += not left.noted
                if self._how.is_own(left.key):
                    found.add(left)
            for name, shared in self._members.left_to.items():
                self._log.warning(
                    "%s keys are gone from this source, and another push (%s) had them lately: they are left "
                    "to that one",
                    f"{shared:,}",
                    name,
                )
            yield from self._decided(found, number if self._how.fields is not None else new)
        finally:
            found.close()

    def _decided(self, found: _Found, number: int) -> Iterator[Row]:
        """Say what is done about those who were found, ``number`` of them in all shares."""
        if self._output:
            self._output.begin()
            for left in found:
                self._output.add(left.spelled, noted=left.noted)
        if number > self._how.allowed(self._members.number):
            self._account.absent += len(found)
            self.problem = (
                f"{number:,} of {self._members.number:,} keys are absent from the source, and max_absent "
                f"allows {self._how.told}: nothing was sent to them; look at the source, or raise max_absent"
            )
            self._log.warning("%s", self.problem)
            return
        if self._how.writes:
            self._note(found)
        if self._how.fields is None:
            self._account.absent += len(found)
            return
        self.told = number
        for position, left in found.by_position():
            content = Leaver(key=left.spelled, fields=dict(self._how.fields))
            yield Row(position, content)

    def _note(self, found: _Found) -> None:
        """Write down who is newly absent; who is only reported is sent whole if he comes back."""
        new: list[str] = []
        for left in found:
            if not left.noted:
                new.append(left.key)
            if len(new) >= _AT_ONCE:
                self._members.note(new, doubted=self._how.fields is None)
                new.clear()
        self._members.note(new, doubted=self._how.fields is None)


class _Found:
    """Leavers in a private file, each with a position that it has in every try of a push."""

    def __init__(self) -> None:
        self._database = PrivateDatabase("leavers", OutputFailed)
        self._database.execute("create table found (position integer, key text, spelled text, noted integer)")
        self._number = 0

    def add(self, left: Left) -> None:
        digest = blake2b(left.key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        position = LEAVERS_FROM + int.from_bytes(digest, "big") % LEAVERS_FROM
        self._database.execute("insert into found values (?, ?, ?, ?)", (position, *left))
        self._number += 1

    def __len__(self) -> int:
        return self._number

    def __iter__(self) -> Iterator[Left]:
        for key, spelled, noted in self._database.execute("select key, spelled, noted from found"):
            yield Left(key, spelled, bool(noted))

    def by_position(self) -> Iterator[tuple[int, Left]]:
        """Yield them by their positions, each of which is one's alone."""
        query = "select position, key, spelled, noted from found order by position, key"
        last = 0
        for position, key, spelled, noted in self._database.execute(query):
            last = max(position, last + 1)
            yield last, Left(key, spelled, bool(noted))

    def close(self) -> None:
        self._database.close()
