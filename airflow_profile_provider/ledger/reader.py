"""The ledger of one target, read: nothing here writes."""

from __future__ import annotations

import json
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.entry import OWED, Entry
from airflow_profile_provider.ledger.ids import ReadIds
from airflow_profile_provider.ledger.migrations import found_schema, require_schema
from airflow_profile_provider.ledger.packing import Packing
from airflow_profile_provider.ledger.salt import Salt, is_plain
from airflow_profile_provider.ledger.statements import Statements
from airflow_profile_provider.ledger.tables import Tables, begun, ledger_errors, patient

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

_EARLIER = ""
"""Under which name, one that no field has, an entry of old keeps fingerprints of rows among its fields."""


class LedgerReader(ABC):
    """What the ledger knows of one target (connection type and id) and key type.

    A target that is known by another key type is refused, unless ``mixed_key_types``; so is one that is known
    at another ``place`` (see `Vendor.place`).

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
        self._target = self._opened(target, key_type)

    @abstractmethod
    def _opened(self, target: str, key_type: str) -> int:
        """See that there is a ledger, or that there is none, and return the target's number in it."""

    def _named(self, connection: Connection, name: str) -> str | None:
        from sqlalchemy import select

        meta = self._tables.meta.c
        found: str | None = connection.execute(select(meta.value).where(meta.name == name)).scalar()
        return found

    def _rows_of(self, target: str) -> Sequence[Mapping[Any, Any]]:
        """Return what is written down of a target, a row for each of its key types."""
        table = self._tables.targets
        with begun(self._engine) as connection:
            return connection.execute(table.select().where(table.c.target == target)).mappings().all()

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
    @patient
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

    def read_ids(self, key_type: str) -> ReadIds | None:
        """Return which profiles the target's keys mean, by this identifier of the vendor's."""
        return ReadIds(self._engine, self._target, key_type)

    def known(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these keys, without their fields."""
        found = self._read(self._statements.known, keys)
        return {
            key: Entry(
                key=key,
                row=row,
                doubt=doubt or 0,
                order=order,
                refused=refused and self._salted(key, refused),
                refusals=refusals or 0,
                refused_at=refused_at or 0.0,
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
                entry.earlier = tuple(map(bytes.fromhex, plain.pop(_EARLIER, "").split()))
                digests = {name: bytes.fromhex(digest) for name, digest in plain.items()}
                entry.fields = self._salt.fields(key, digests)
            else:
                entry.fields, entry.earlier = self._packing.unpacked(prints or b"")

    def close(self) -> None:
        """Close the database's connections."""
        if "_reader" in self.__dict__:
            self._reader.close()
        self._engine.dispose()


class ReadLedger(LedgerReader):
    """A ledger of which nothing is made on first use: where there is none, it knows nothing.

    Raises:
        ConfigurationError: it is of another version, or knows the target by another identifier.
    """

    def _opened(self, target: str, key_type: str) -> int:
        self._there = has_ledger(self._engine)
        if not self._there:
            return 0
        found = self._rows_of(target)
        self._require_no_other(target, key_type, ids_of(found))
        self._require_same_place(target, found)
        return ids_of(found).get(key_type, 0)

    @property
    def key(self) -> bytes:
        """The secret that the ledger keeps for fingerprints, or any where there are none."""
        return super().key if self._there else secrets.token_bytes(32)

    def known(self, keys: Collection[str]) -> dict[str, Entry]:
        """Return what is known of these keys, without their fields."""
        return super().known(keys) if self._there else {}

    def read_ids(self, key_type: str) -> ReadIds | None:
        """Return which profiles the target's keys mean, or None where there is no ledger."""
        return super().read_ids(key_type) if self._there else None

    @property
    def version_kind(self) -> str | None:
        """The kind of version that orders this target's changes, if any came."""
        return super().version_kind if self._there else None


def has_ledger(engine: Engine) -> bool:
    """Whether there is a ledger in the database behind an engine.

    Raises:
        ConfigurationError: it is of another version of this package.
    """
    with begun(engine) as connection:
        found = found_schema(connection)
    if found:
        require_schema(found)
    return bool(found)


def _options_of(target: str) -> str:
    """Return the options of a command that looks after a target."""
    return f" --conn-id {target.partition(':')[2]} --ledger-conn-id …"


def ids_of(rows: Iterable[Mapping[Any, Any]]) -> dict[str, int]:
    """Return the numbers of a target by its key types."""
    return {str(row["key_type"]): int(row["id"]) for row in rows}


def version_name(target: int) -> str:
    """Under which name the kind of a target's versions is kept."""
    return f"version {target}"
