"""What each vendor has acknowledged, in a database: fingerprints, never values.

A row in doubt is sent again: it was about to be sent, and nothing says that the vendor acknowledged it; or it
was acknowledged, but an earlier attempt without an answer may still arrive and undo that.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError, LedgerFailed
from airflow_profile_provider.ledger.lease import Lease
from airflow_profile_provider.ledger.migrations import found_schema, migrate, require_schema
from airflow_profile_provider.ledger.packing import Packing
from airflow_profile_provider.ledger.salt import Salt, is_plain
from airflow_profile_provider.ledger.spellings import keep_as
from airflow_profile_provider.ledger.statements import Statements, insert_into
from airflow_profile_provider.ledger.tables import Tables, begun, ledger_errors, patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Table


_EARLIER = ""
"""Under which name, one that no field has, an entry of old keeps fingerprints of rows among its fields."""
MANY = "*"
OWED = "!"


@dataclass(slots=True)
class Entry:
    """What the ledger knows of one key.

    ``row`` is the fingerprint of the row that was acknowledged last, ``fields`` those of each field that
    ever was, ``earlier`` those (in hexadecimal) of rows whose place that one took. ``order`` is the place of
    the newest version seen. ``refused`` is that of a change which was refused in ``refusals`` runs, the last
    of them at ``refused_at`` (Unix time).

    ``doubt`` is 0 where there is none; 1 where only an acknowledgement is missing; else the moment (see
    `now_of`) until which an attempt of unknown fate may still arrive, so that only what is sent after it
    leaves no doubt. It is negative while a change of the key is on its way. ``sent`` is the fingerprint of
    the change that may still arrive, `MANY` where there are several; `OWED` stands before it until a change
    is acknowledged. ``claim`` is what the ledger holds in its place while changes are on their way.

    ``unsalted``: the ledger holds it as an older package wrote it, and should have it anew. Here, all is
    salted.
    """

    key: str
    row: bytes | None = None
    fields: dict[str, str] = field(default_factory=dict)
    earlier: tuple[str, ...] = ()
    doubt: int = 0
    order: int | None = None
    refused: str | None = None
    refusals: int = 0
    refused_at: float = 0.0
    sent: str | None = None
    claim: str | None = None
    unsalted: bool = False

    @property
    def under_way(self) -> bool:
        """Whether a change of the key was on its way, for all that the ledger knows."""
        return self.doubt < 0

    def is_settled(self, whole: str, now: int) -> bool:
        """Whether what may still arrive is this very change, which was acknowledged: that does no harm.

        Once it cannot arrive any more, it is sent a last time all the same.
        """
        return self.sent == whole and self.doubt > 1 and now < self.doubt

    def doubt_until(self, moment: int, whole: str) -> None:
        """Note that a change of unknown fate may still arrive until then, beside what is known of."""
        until = max(abs(self.doubt), moment)
        self.doubt = -until if self.under_way else until
        self.sent = _either(self.sent, whole)

    def set_out(self, whole: str) -> None:
        """Note that a change of the key is on its way."""
        self.doubt = -max(abs(self.doubt), 1)
        self.claim = _either(self.claim or self.sent, whole)

    def fail(self) -> None:
        """Note that it is owed still, and no longer on its way."""
        self.doubt = max(abs(self.doubt), 1)
        self.sent = self.sent and OWED + self.sent.removeprefix(OWED)

    def arrive(self, since: int) -> None:
        """Note that what was sent ``since`` then was acknowledged."""
        self.doubt = 0 if abs(self.doubt) <= since else abs(self.doubt)
        self.sent = self.sent.removeprefix(OWED) if self.sent and self.doubt else None


def _either(one: str | None, other: str) -> str:
    """Return the fingerprint of two changes of which either may arrive."""
    return other if one is None or one.removeprefix(OWED) == other else MANY


class Ledger:
    """The ledger of one target (connection type and id) and key type, in the database behind an engine.

    Tables are made, or migrated, on first use. A target that is known by another key type is refused, unless
    ``mixed_key_types``; so is one that is known at another ``place`` (see `Vendor.place`). All writes take
    many rows, and happen only while the lease is held, if one was taken. One thread uses it.

    Raises:
        LedgerFailed: the database does not do what it is asked; from every method.
    """

    def __init__(
        self,
        engine: Engine,
        target: str,
        key_type: str,
        *,
        place: str = "",
        mixed_key_types: bool = False,
        secret: bytes = b"",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._place = place
        self._mixed = mixed_key_types
        self._secret = secret
        self._clock = clock
        self._tables = Tables.described()
        self._statements = Statements(self._tables.entries, engine)
        self._packing = Packing(engine)
        self.lease: Lease | None = None
        self._make()
        self._target = self._target_of(target, key_type)

    # -- making it --------------------------------------------------------------------------------------

    @patient
    def _make(self) -> None:
        """Make it or bring it up to date where need be, and see to its key."""
        if not migrate(self._engine, clock=self._clock):
            raise LedgerFailed("the ledger must be migrated, and a push is under way in it; wait for its end")
        with begun(self._engine) as connection:
            known = self._named(connection, "key")
        if known is None:
            with begun(self._engine) as connection:
                self._insert(connection, self._tables.meta, [{"name": "key", "value": secrets.token_hex(32)}])

    def _named(self, connection: Connection, name: str) -> str | None:
        from sqlalchemy import select

        meta = self._tables.meta.c
        found: str | None = connection.execute(select(meta.value).where(meta.name == name)).scalar()
        return found

    def _insert(self, connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows that are not there yet."""
        statement = insert_into(table, self._engine.dialect.name).on_conflict_do_nothing()
        connection.execute(statement, rows)

    @patient
    def _target_of(self, target: str, key_type: str) -> int:
        table = self._tables.targets
        found = self._rows_of(target)
        self._require_no_other(target, key_type, _ids(found))
        self._require_same_place(target, found)
        while key_type not in _ids(found):  # another task may take the same number
            self._add_target(target, key_type)
            found = self._rows_of(target)
        if self._place and any(row["address"] != self._place for row in found):
            with begun(self._engine) as connection:
                connection.execute(table.update().where(table.c.target == target).values(address=self._place))
        return _ids(found)[key_type]

    def _rows_of(self, target: str) -> Sequence[Mapping[Any, Any]]:
        """Return what is written down of a target, a row for each of its key types."""
        table = self._tables.targets
        with begun(self._engine) as connection:
            return connection.execute(table.select().where(table.c.target == target)).mappings().all()

    def _add_target(self, target: str, key_type: str) -> None:
        """Give a target the next number; without the database's sequence, for which one needs a right."""
        from sqlalchemy import func, select

        table = self._tables.targets
        with begun(self._engine) as connection:
            last = connection.execute(select(func.coalesce(func.max(table.c.id), 0))).scalar_one()
            self._insert(connection, table, [{"id": last + 1, "target": target, "key_type": key_type}])

    def _require_no_other(self, target: str, key_type: str, ids: Mapping[str, int]) -> None:
        """Refuse a target of which something was acknowledged by another identifier.

        Raises:
            ConfigurationError: naming it, and what to do.
        """
        others = sorted(other for other in ids if other != key_type and self._has_acknowledged(ids[other]))
        if others and not self._mixed:
            raise ConfigurationError(
                f"the ledger knows {target} by {', '.join(others)}, not by {key_type}: two identifiers of "
                "one person cannot be compared; use the same key_type, another connection id, or, where no "
                "person is in both, mixed_key_types=True. To begin anew, so that all is sent once "
                f"more: airflow profiles ledger forget --all{_options_of(target)}"
            )

    def _require_same_place(self, target: str, found: Iterable[Mapping[Any, Any]]) -> None:
        """Refuse a target of which something was acknowledged at another place: it holds other profiles.

        Raises:
            ConfigurationError: naming both places, and what to do.
        """
        for row in found:
            known = row["address"]
            if not (self._place and known and known != self._place and self._has_acknowledged(row["id"])):
                continue
            (before, _, login), (now, _, other) = known.partition(" "), self._place.partition(" ")
            told = f"at {before}, and its connection names {now} today"
            if login != other:
                told += "" if before != now else " with another login"
            raise ConfigurationError(
                f"the ledger knows {target} {told}: what was acknowledged there says nothing of here. Where "
                "it is the same place under another name: airflow profiles ledger moved"
                f"{_options_of(target)}. To begin anew: airflow profiles ledger forget --all"
                f"{_options_of(target)}. Or use another connection id"
            )

    @property
    def is_empty(self) -> bool:
        """Whether nothing of the target was acknowledged so far."""
        return not self._has_acknowledged(self._target)

    def _has_acknowledged(self, number: int) -> bool:
        """Whether the vendor acknowledged anything of a target, by its number."""
        from sqlalchemy import select

        table = self._tables.entries.c
        query = select(table.key).where(table.target == number, table.row.is_not(None)).limit(1)
        with begun(self._engine) as connection:
            return connection.execute(query).first() is not None

    @property
    @patient
    def key(self) -> bytes:
        """The secret of fingerprints: what was given, or what the ledger keeps for them."""
        if self._secret:
            return self._secret
        with begun(self._engine) as connection:
            return bytes.fromhex(self._named(connection, "key") or "")

    @property
    @patient
    def version_kind(self) -> str | None:
        """The kind of version that orders this target's changes: that of the first that came; else None."""
        with begun(self._engine) as connection:
            return self._named(connection, version_name(self._target))

    @patient
    def keep_version_kind(self, kind: str) -> str:
        """Keep a kind of version, unless there is one; return the one that is kept."""
        name = version_name(self._target)
        with begun(self._engine) as connection:
            self._insert(connection, self._tables.meta, [{"name": name, "value": kind}])
            return self._named(connection, name) or kind

    @patient
    def keep_as(self, fold: Callable[[str], str]) -> None:
        """Keep the target's keys as what stands for all of their spellings, those of old as well."""
        keep_as(self._engine, self._target, fold)

    @patient
    def take_lease(self, share: str, run: str) -> Lease | None:
        """Take the lease of the target's share; None where another push holds it."""
        lease = Lease(self._engine, f"{self._target} {share}", run, clock=self._clock)
        self.lease = lease if lease.take() else None
        if self.lease:
            self._require_still_current(self.lease)
        return self.lease

    def _require_still_current(self, lease: Lease) -> None:
        """Give the lease back where somebody has migrated the ledger meanwhile; with it, nobody can."""
        with begun(self._engine) as connection:
            found = found_schema(connection)
        try:
            require_schema(found)
        except ConfigurationError:
            lease.give_back()
            raise

    # -- reading ----------------------------------------------------------------------------------------

    @cached_property
    def _reader(self) -> Connection:
        """A connection for all that is read, each statement for itself."""
        return self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    @patient
    def _read(self, statement: str, keys: Collection[str], **more: Any) -> list[Any]:
        with ledger_errors(), self._reading():
            asked = {**self._statements.keys(self._target, keys), **more}
            found = self._reader.exec_driver_sql(statement, asked)
            return list(found.cursor.fetchall()) if found.cursor else []

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Give the reader up where it fails: the database may have dropped it."""
        try:
            yield
        except BaseException:
            if reader := self.__dict__.pop("_reader", None):
                with suppress(Exception):
                    reader.close()
            raise

    def known(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these keys, without their fields."""
        found = self._read(self._statements.known, keys)
        return {
            key: Entry(
                key=key,
                row=row,
                doubt=doubt,
                order=order,
                refused=refused and self._salted(key, refused),
                refusals=refusals,
                refused_at=refused_at,
                sent=sent and self._salted(key, sent),
                unsalted=bool(unsalted),
            )
            for key, row, doubt, order, refused, refusals, refused_at, sent, unsalted in found
        }

    @cached_property
    def _salt(self) -> Salt:
        return Salt(self.key)

    def _salted(self, key: str, kept: str) -> str:
        """Salt the fingerprint of a whole change, unless it is already, or stands for several."""
        whole = kept.removeprefix(OWED)
        if not is_plain(whole):
            return kept
        return kept[: -len(whole)] + self._salt.whole(key, bytes.fromhex(whole))

    def unlike(self, keys: Sequence[str], rows: Sequence[bytes]) -> list[int]:
        """Return which rows, by key and fingerprint, are not plainly those acknowledged last, in order."""
        found = self._read(self._statements.unlike, keys, rows=b"".join(rows))
        return sorted(index for (index,) in found)

    def add_fields(self, entries: Collection[Entry]) -> None:
        """Read the fields of entries, too."""
        by_key = {entry.key: entry for entry in entries}
        for key, of_old, prints in self._read(self._statements.fields, by_key):
            entry = by_key[key]
            if of_old:
                plain = json.loads(of_old)
                entry.earlier = tuple(plain.pop(_EARLIER, "").split())
                digests = {name: bytes.fromhex(digest) for name, digest in plain.items()}
                entry.fields = self._salt.fields(key, digests)
            else:
                entry.fields, entry.earlier = self._packing.unpacked(prints or b"")

    # -- writing ----------------------------------------------------------------------------------------

    def put_in_doubt(self, entries: Iterable[Entry]) -> None:
        """Mark keys that are about to be sent, and the place of their versions."""
        self._mark([(entry, entry.claim) for entry in entries])

    def _mark(self, entries: Iterable[tuple[Entry, str | None]]) -> None:
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "order": entry.order,
                "doubt": entry.doubt or -1,
                "sent": sent,
            }
            for entry, sent in entries
        ]
        self._write(self._statements.mark, rows)

    def keep_doubts(self, entries: Iterable[Entry]) -> None:
        """Write down what is to be thought of keys whose sending came to nothing."""
        self._mark([(entry, entry.sent) for entry in entries])

    def acknowledge(self, entries: Iterable[Entry]) -> None:
        """Keep what the vendor acknowledged; only what may still arrive leaves a doubt."""
        rows = [
            {
                "target": self._target,
                "key": entry.key,
                "row": entry.row,
                "prints": self._packing.packed(entry.fields, entry.earlier),
                "order": entry.order,
                "doubt": entry.doubt,
                "sent": entry.sent,
            }
            for entry in entries
        ]
        self._write(self._statements.acknowledge, rows)

    def count_refusals(self, refusals: Collection[tuple[str, str]], run: str) -> None:
        """Count a refusal of (key, fingerprint of the change), once a run."""
        told = {"target": self._target, "refused_run": run[:1000], "refused_at": self._clock()}
        rows = [{**told, "key": key, "refused": refused} for key, refused in refusals]
        if rows:
            self._salt_refusals({key for key, _ in refusals})
        self._write(self._statements.count_refusal, rows)

    def _salt_refusals(self, keys: Collection[str]) -> None:
        """Write down anew what was refused in an older package's days: the database compares it itself."""
        found = [(row[0], row[4]) for row in self._read(self._statements.known, keys)]
        rows = [
            {"target": self._target, "key": key, "refused": self._salted(key, refused)}
            for key, refused in found
            if refused and is_plain(refused)
        ]
        self._write(self._statements.salt_refusal, rows)

    @patient
    def _write(self, statement: str, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        with begun(self._engine) as connection:
            if self.lease:
                self.lease.renew(connection)
            connection.exec_driver_sql(*self._statements.of_rows(statement, rows))

    def close(self) -> None:
        """Close the database's connections."""
        if "_reader" in self.__dict__:
            self._reader.close()
        self._engine.dispose()


def now_of(seconds: float) -> int:
    """Return a Unix time as entries keep it: in milliseconds."""
    return int(seconds * 1000)


def _options_of(target: str) -> str:
    """Return the options of a command that looks after a target."""
    return f" --conn-id {target.partition(':')[2]} --ledger-conn-id …"


def _ids(rows: Iterable[Mapping[Any, Any]]) -> dict[str, int]:
    """Return the numbers of a target by its key types."""
    return {str(row["key_type"]): int(row["id"]) for row in rows}


def version_name(target: int) -> str:
    """Under which name the kind of a target's versions is kept."""
    return f"version {target}"
