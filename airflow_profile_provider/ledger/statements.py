"""The ledger's statements, as the driver of its database takes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from airflow_profile_provider.ledger.tables import ROW_BYTES, supported_dialect

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Dialect, Engine, Table

MEMBERS_AT_ONCE = 5000
"""Keys that are read at once where all are gone through: few statements are better."""
PRESENT, GONE = "+", "-"
"""What a scope's token begins with: the source of the scope has the key, or no longer has it."""
_OF_REFUSALS = ("refused", "refusals", "refused_run", "refused_at")
_PARAMETER = re.compile(r"%\((\w+)\)s(?:::(\w+))?")
_UNCAST = {"row": "BYTEA", "prints": "BYTEA", "refused_at": "FLOAT8"}
"""The types of parameters that SQLAlchemy leaves to the driver."""

_NAMED = re.compile(r":(\w+)")
"""A parameter of SQLite's."""
Parameters = Mapping[str, Any] | Sequence[dict[str, Any]] | Sequence[tuple[Any, ...]]
"""What a driver takes with a statement: the values by name, of one row or many, or in their order."""
_IN_ARRAY, _ONCE = 0, -1
"""How values of many rows are given, or else by how many bytes each, one behind the other."""
_PLACED = "WITH ORDINALITY AS given"
MOST_WAYS = 1000
"""So many statements are remembered: they differ by which values are alike."""


def insert_into(table: Table, dialect: str) -> Any:
    """Return an insert that may say what to do where a row is there already.

    Raises:
        ConfigurationError: a ledger cannot be kept in such a database.
    """
    from sqlalchemy.dialects import postgresql, sqlite

    found = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}
    return found[supported_dialect(dialect)](table)


class Statements:
    """What is asked of the entries, thousands at a time, as text for the driver.

    SQLAlchemy builds it once and then stands aside: its own way of running it takes three times as long.
    """

    def __init__(self, entries: Table, engine: Engine) -> None:
        self._entries = entries
        self._dialect = engine.dialect.name
        self._of_many: dict[tuple[Any, ...], str] = {}

    @cached_property
    def _writer(self) -> Dialect:
        """How values are written into a statement: by name, which SQLite's driver takes, too."""
        from sqlalchemy.dialects.postgresql.psycopg import dialect as postgresql
        from sqlalchemy.dialects.sqlite.pysqlite import dialect as sqlite

        if self._dialect == "sqlite":
            return sqlite(paramstyle="named")
        return postgresql()  # type: ignore[no-untyped-call]

    def _text(self, statement: Any, columns: Sequence[str] | None = None) -> str:
        return str(statement.compile(dialect=self._writer, column_keys=columns))

    def keys(self, target: int, keys: Collection[str]) -> Mapping[str, Any]:
        """Return the parameters of what is read by key."""
        listed = list(keys)
        return {"target": target, "keys": json.dumps(listed) if self._dialect == "sqlite" else listed}

    def _of_keys(self) -> ColumnElement[bool]:
        from sqlalchemy import bindparam, func, select

        columns = self._entries.c
        keys: Any = bindparam("keys")
        among = columns.key == func.any(keys)
        if self._dialect == "sqlite":
            among = columns.key.in_(select(func.json_each(keys).table_valued("value").c.value))
        return (columns.target == bindparam("target")) & among

    def of_rows(self, statement: str, rows: Sequence[dict[str, Any]]) -> tuple[str, Parameters]:
        """Return a statement that writes many rows, with its parameters, as its database is fastest at it."""
        if self._dialect != "sqlite" and len({row["key"] for row in rows}) < len(rows):
            return statement, rows  # PostgreSQL refuses a key that comes twice in what it gets at once
        return self.of_columns(statement, {name: [row[name] for row in rows] for name in rows[0]})

    def of_columns(self, statement: str, columns: Mapping[str, Sequence[Any]]) -> tuple[str, Parameters]:
        """The same of rows, each of another key, whose values are given by column.

        A database gets them all at once: PostgreSQL would plan each anew, because nothing is prepared, and
        SQLite takes three times as long. What all rows have is given once, bytes of one length one behind the
        other, and keys as JSON: an array costs the driver more than all else. Where anything else differs
        from row to row, PostgreSQL gets arrays, and SQLite, which has none, the rows one by one.
        """
        ways = {name: _way_of(values) for name, values in columns.items() if name != "key"}
        given: dict[str, Any] = {
            name: values[0] for name, values in columns.items() if ways.get(name) == _ONCE
        }
        given |= {name: b"".join(values) for name, values in columns.items() if ways.get(name, 0) > 0}
        if _IN_ARRAY not in ways.values():
            given["key"] = json.dumps(list(columns["key"]), ensure_ascii=False)
        elif self._dialect == "sqlite":
            names = _NAMED.findall(statement)
            return _NAMED.sub("?", statement), list(zip(*[columns[name] for name in names], strict=True))
        return self._at_once(statement, ways), {**columns, **given}

    def _at_once(self, statement: str, ways: Mapping[str, int]) -> str:
        """Let an insert of a row take many, each column in its way."""
        known = (statement, *ways.items())
        if known not in self._of_many:
            start, values, end = re.split(r" VALUES \((.*?)\)(?= ON CONFLICT)", statement, maxsplit=1)
            taken = _from_json if self._dialect == "sqlite" else _from_arrays
            if len(self._of_many) >= MOST_WAYS:
                self._of_many.clear()
            self._of_many[known] = f"{start} {taken(values, ways)}{end}"
        return self._of_many[known]

    @cached_property
    def unlike(self) -> str:
        """Reads the places, from 0, of the keys whose row is not the one that stands there, or is in doubt.

        An entry from before there was salt is among them, so that it is looked at, and written anew.
        ``rows`` are the fingerprints of all, one behind the other. Few answers are faster than a thousand.
        """
        from sqlalchemy import Integer, Text, bindparam, cast, exists, func, literal_column, select
        from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

        given: Any
        keys: Any = bindparam("keys")
        rows: Any = bindparam("rows")
        if self._dialect == "sqlite":
            given = func.json_each(keys).table_valued("key", "value", name="given")
            place = given.c.key
        else:
            listed, rows = cast(keys, ARRAY(Text)), cast(rows, BYTEA)
            given = func.unnest(listed).table_valued("value", with_ordinality="place").render_derived()
            place = cast(given.c.place, Integer) - literal_column("1")
        columns = self._entries.c
        size: Any = literal_column(str(ROW_BYTES))
        row = func.substr(rows, place * size + literal_column("1"), size)
        alike = (columns.key == given.c.value) & (columns.row == row) & columns.doubt.is_(None)
        alike &= ~self._unsalted()
        held = exists(literal_column("1")).where(columns.target == bindparam("target"), alike)
        return self._text(select(place).where(~held))

    def _unsalted(self) -> ColumnElement[bool]:
        """Whether the fingerprints of an entry's fields are from before there was salt."""
        unsalted: ColumnElement[bool] = self._entries.c.fields.is_not(None)
        return unsalted

    @cached_property
    def known(self) -> str:
        """Reads all but the fields, and whether these are unsalted."""
        from sqlalchemy import select

        names = ("key", "row", "doubt", "order", "refused", "refusals", "refused_at", "sent")
        columns = (*(self._entries.c[name] for name in names), self._unsalted())
        return self._text(select(*columns).where(self._of_keys()))

    @cached_property
    def fields(self) -> str:
        """Reads key and the fields' fingerprints: of old, and salted."""
        from sqlalchemy import select

        columns = self._entries.c
        return self._text(select(columns.key, columns.fields, columns.prints).where(self._of_keys()))

    @cached_property
    def mark(self) -> str:
        """Writes the mark, and the order, of keys."""
        return self._upsert(("order", "doubt", "sent"), {})

    @cached_property
    def acknowledge(self) -> str:
        """Writes row, fields, order, mark, spelling and scope, and takes back what was refused, or absent."""
        names = ("row", "prints", "order", "doubt", "sent", "spelled", "scopes")
        return self._upsert(names, dict.fromkeys((*_OF_REFUSALS, "fields", "absent"), "NULL"))

    @cached_property
    def learn(self) -> str:
        """Writes row, fields, spelling and scope of a key of which nothing is known; of another, nothing."""
        names = ("target", "key", "row", "prints", "spelled", "scopes")
        return self._text(insert_into(self._entries, self._dialect).on_conflict_do_nothing(), names)

    @cached_property
    def let_leave(self) -> str:
        """Writes as `acknowledge` that a leaver's change was: nobody's source has the key any more.

        A ``doubt`` of 0 says that it was sent, and of -1 that it need not be. Where the entry shows that
        another push has sent, or is sending, something of the key meanwhile, it stays in doubt, and in its
        scopes.
        """
        from sqlalchemy import and_, case, func, literal_column, or_

        names, none = ("row", "prints", "order", "doubt", "sent"), cast(Any, literal_column("0"))
        nothing: Any = literal_column("NULL")
        fixed = dict.fromkeys((*_OF_REFUSALS, "fields", "scopes"), "NULL")

        def alone(held: Any, new: Any) -> dict[str, Any]:
            doubt: Any = func.coalesce(held.doubt, none)
            expected = or_(and_(new.doubt >= none, doubt < none), and_(new.doubt < none, doubt == none))
            unsure = case((doubt == none, literal_column("1")), else_=doubt)
            return {
                "doubt": case((expected, nothing), else_=unsure),
                "scopes": case((expected, nothing), else_=held.scopes),
            }

        return self._upsert(names, fixed, alone)

    # -- leavers ----------------------------------------------------------------------------------------

    @cached_property
    def members(self) -> str:
        """Reads the next keys behind one that were acknowledged: scopes, spelling, absence, doubt."""
        from sqlalchemy import bindparam, func, literal_column, select

        columns, nothing = self._entries.c, cast(Any, literal_column("0"))
        absent, doubt = (func.coalesce(each, nothing) for each in (columns.absent, columns.doubt))
        query = select(columns.key, columns.scopes, columns.spelled, absent, doubt)
        query = query.where(columns.target == bindparam("target"), columns.key > bindparam("after"))
        query = query.where(columns.row.is_not(None)).order_by(columns.key)
        return f"{self._text(query)} LIMIT {MEMBERS_AT_ONCE}"

    @cached_property
    def adopt(self) -> str:
        """Writes that a key is in the source of a scope, and how that spells it."""
        return self._upsert(("scopes", "spelled"), {"absent": "NULL"})

    @cached_property
    def part(self) -> str:
        """Writes that keys are gone from the source of a scope, and are left to the scopes that have them."""
        from sqlalchemy import String, bindparam, func

        scope: Any = bindparam("scope", type_=String)
        new = func.replace(self._entries.c.scopes, scope, bindparam("gone", type_=String))
        return self._text(self._entries.update().where(self._of_keys()).values(scopes=new))

    @cached_property
    def note_absent(self) -> str:
        """Writes since when keys are absent; a key that comes back is sent whole, if ``doubted`` is 1."""
        from sqlalchemy import BigInteger, bindparam, func, literal_column

        columns = self._entries.c
        doubted: Any = bindparam("doubted", type_=BigInteger)
        doubt = func.coalesce(columns.doubt, func.nullif(doubted, literal_column("0")))
        change = self._entries.update().where(self._of_keys(), columns.absent.is_(None))
        return self._text(change.values(absent=bindparam("moment"), doubt=doubt))

    @cached_property
    def salt_refusal(self) -> str:
        """Writes what was refused in another way, and counts nothing."""
        statement = insert_into(self._entries, self._dialect)
        changed = {"refused": statement.excluded.refused}
        statement = statement.on_conflict_do_update(index_elements=["target", "key"], set_=changed)
        return self._text(statement, ["target", "key", "refused"])

    @cached_property
    def count_refusal(self) -> str:
        """Writes what was refused, and counts it once a run."""
        from sqlalchemy import case, literal_column

        statement = insert_into(self._entries, self._dialect)
        old, new = self._entries.c, statement.excluded
        one: Any = literal_column("1")
        same = old.refused == new.refused
        times = case(
            (same & (old.refused_run == new.refused_run), old.refusals),
            (same, old.refusals + one),
            else_=one,
        )
        names = ("refused", "refused_run", "refused_at")
        changed = {"refusals": times, **{name: new[name] for name in names}}
        statement = statement.on_conflict_do_update(index_elements=["target", "key"], set_=changed)
        statement = statement.values(doubt=one, refusals=one)
        return self._text(statement, ["target", "key", "doubt", "refusals", *names])

    def _upsert(
        self,
        names: Sequence[str],
        fixed: Mapping[str, str],
        other: Callable[[Any, Any], Mapping[str, Any]] = lambda held, new: {},
    ) -> str:
        """Write columns, some of them to fixed values (as SQL), of an entry that is there or not.

        ``other`` returns what is written in their place to one that is there, by what it holds and is given.
        """
        from sqlalchemy import func, literal_column

        literals: dict[str, Any] = {name: literal_column(value) for name, value in fixed.items()}
        statement = insert_into(self._entries, self._dialect)
        new: dict[str, Any] = {name: statement.excluded[name] for name in names}
        if "order" in new:
            new["order"] = _later(self._entries.c.order, new["order"])
        if "scopes" in new:
            new["scopes"] = _joined(self._entries.c.scopes, new["scopes"])
        if "spelled" in new:  # not every push says it, and any spelling that was acknowledged will do
            new["spelled"] = func.coalesce(new["spelled"], self._entries.c.spelled)
        changed = {**new, **literals, **other(self._entries.c, statement.excluded)}
        statement = statement.on_conflict_do_update(index_elements=["target", "key"], set_=changed)
        return self._text(statement.values(**literals), ["target", "key", *names, *fixed])


def _from_arrays(values: str, ways: Mapping[str, int]) -> str:
    """Select from arrays or JSON, in PostgreSQL, what an insert of one row has as ``values``."""
    found = {name: kind or _UNCAST[name] for name, kind in _PARAMETER.findall(values)}
    in_array = [name for name in found if ways.get(name, _IN_ARRAY) == _IN_ARRAY]
    arrays = ", ".join(f"%({name})s::{found[name]}[]" for name in in_array)
    names = ", ".join(f'"{name}"' for name in in_array)

    def taken(parameter: re.Match[str]) -> str:
        name = parameter[1]
        way, one = ways.get(name, _IN_ARRAY), f"%({name})s::{found[name]}"
        if way == _IN_ARRAY:
            return f'given."{name}"'
        return one if way == _ONCE else f"substr({one}, given.place::INTEGER * {way} - {way - 1}, {way})"

    selected = _PARAMETER.sub(taken, values)
    if in_array == ["key"]:
        return f"SELECT {selected} FROM json_array_elements_text(%(key)s::json) {_PLACED} ({names}, place)"
    return f"SELECT {selected} FROM unnest({arrays}) {_PLACED} ({names}, place)"


def _from_json(values: str, ways: Mapping[str, int]) -> str:
    """The same in SQLite, from keys in JSON; nothing else may be in an array."""

    def taken(parameter: re.Match[str]) -> str:
        name = parameter[1]
        way = ways.get(name, _IN_ARRAY)
        if way == _IN_ARRAY:
            return "given.value"
        return f":{name}" if way == _ONCE else f"substr(:{name}, given.key * {way} + 1, {way})"

    # Without a condition, SQLite reads ON CONFLICT as that of a join.
    return f"SELECT {_NAMED.sub(taken, values)} FROM json_each(:key) AS given WHERE true"


def _way_of(values: Sequence[Any]) -> int:
    """Return how values of one column are given."""
    first = values[0]
    if values.count(first) == len(values):
        return _ONCE
    if isinstance(first, bytes) and all(isinstance(value, bytes) for value in values):
        lengths = set(map(len, values))
        return lengths.pop() if len(lengths) == 1 else _IN_ARRAY
    return _IN_ARRAY


def _joined(held: Any, new: Any) -> Any:
    """Return scopes with another one, which may be among them, or be gone from them (see `scopes`)."""
    from sqlalchemy import func, literal_column

    nothing, present, gone = (cast(Any, literal_column(f"'{text}'")) for text in ("", PRESENT, GONE))
    others = func.replace(func.coalesce(held, nothing), func.replace(new, present, gone), nothing)
    return func.replace(others, new, nothing).concat(new)


def _later(held: Any, new: Any) -> Any:
    from sqlalchemy import case

    return case((held.is_(None), new), (new.is_(None), held), (new > held, new), else_=held)
