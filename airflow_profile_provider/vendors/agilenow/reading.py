"""Agile.Now: read accounts, one by its identifier, a page of a thousand, or those that a filter finds.

Pages: https://docs.agilenow.io/apidocs/endpointrestapiv1accountid-6 (GET), and the OpenAPI description
Accounts 2.0.187 for the list, read 2026-11-21.
Limits: as for the update; a page holds 1,000 accounts at the most.
Unknown: how a filter is written whose value holds a semicolon, a bracket or the words AND and OR, which mean
something there: nobody is searched for by such a value, but by a user name or an external id, which a path
can hold.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import InvalidRecord, RecordRefused
from airflow_profile_provider.records import Change
from airflow_profile_provider.values import alike, same
from airflow_profile_provider.vendors.agilenow.accounts import FIELDS
from airflow_profile_provider.vendors.base import Taken, Vendor
from airflow_profile_provider.vendors.comparing import is_akin
from airflow_profile_provider.vendors.exchange import Answer, Finding, Held, Page, Paging, Reading, Request
from airflow_profile_provider.vendors.listing import Place, count, identifier
from airflow_profile_provider.vendors.reads import Search

ROOT = "/Endpoint/rest/api/v1"
_PLAIN_ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_REQUEST_KEY = re.compile(r"[0-9a-fA-F-]{8,64}")
_SEARCHABLE = re.compile(r"[\w.+@-]+( [\w.+@-]+)*")
_OPERATORS = frozenset(("and", "or", "in", "notin", "like"))
_MOST_FOUND = 100

Record = Mapping[str, Any]


class NoAccount(RecordRefused):
    """The API itself says that there is no such account."""

    @classmethod
    def of(cls, refused: RecordRefused) -> Self:
        """Return a refusal that says so."""
        found = cls(str(refused), refused.detail)
        found.status, found.nobody = refused.status, True
        return found


class Accounts(Vendor):
    """Accounts as they are read, and how a path names one."""

    key_types = ("Id", "Username", "ExternalId")
    readings: ClassVar = {"clear_with": ("empty", "null"), "base64": ("standard", "urlsafe")}
    fields: ClassVar = FIELDS
    read_batch = 1
    page_size = 1000
    matchable: Mapping[str, Search] = {
        name: "exact" for name, field in FIELDS.items() if field.kind == "string" and not field.choices
    }

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """GET each account by its identifier."""
        self._require_readable(key_type)
        found: dict[str, Held | None] = {}
        for key in keys:
            record = yield self._get(key_type, key)
            found[key] = None if record is None else Held(key, shown(record, fields))
        return found

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """GET a page of the accounts, in the order of their ids; those without such a key are left out."""
        self._require_readable(key_type)
        place = Place.of(cursor)
        rows, total = yield self._list(
            Fields=",".join(dict.fromkeys(("Id", key_type, *fields))),
            Orders="Id ASC",
            CurrentPage=place.page,
            PageSize=self.page_size,
        )
        after = place.after([row["Id"] for row in rows], self.name)
        if after and total is not None and after.fresh >= total:
            after = None
        return Page(_each_held(rows, key_type, fields), after.cursor if after else None, total)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Filter the list by the field, and leave out what the filter finds beside it."""
        self._require_readable(key_type)
        text = self._searched(field, value)
        if _is_searchable(text):
            rows, total = yield self._list(
                Fields=",".join(dict.fromkeys(("Id", key_type, field))),
                Filters=f"{field} = {text}",
                PageSize=_MOST_FOUND,
            )
        elif field in self.key_types:
            record = yield self._get(field, text)
            rows, total = [] if record is None else [record], None
        else:
            raise InvalidRecord(
                f"{field}: {self.name} cannot be searched for a value with such characters; match by another "
                "field"
            )
        exact = [row for row in rows if self.same(field, text, written(row.get(field)))]
        if len(exact) < 2 and total is not None and total > len(rows):
            raise RecordRefused(f"{self.name} finds too many accounts by {field}: does it heed the filter?")
        found = _each_held(exact, key_type, (field,))
        self._require_keys(found, exact, key_type)
        return found

    # -- requests ---------------------------------------------------------------------------------------

    def _path(self, key_type: str, key: str) -> str:
        """Return an account's address; what a path cannot hold goes in as base64."""
        if not _PLAIN_ID.fullmatch(key):
            encode = base64.b64encode if self.reading("base64") == "standard" else base64.urlsafe_b64encode
            key = "base64|" + encode(key.encode()).decode()
        name = "" if key_type == "Id" else f"?Name={key_type}"
        return f"{ROOT}/Account/{quote(key, safe='')}{name}"

    def _get(self, key_type: str, key: str) -> Request:
        return Request("GET", self._path(key_type, key), partial(self._read_one, key_type, key))

    def _list(self, **asked: Any) -> Request:
        return Request("GET", f"{ROOT}/Accounts?{urlencode(asked, quote_via=quote)}", self._read_rows)

    # -- answers ----------------------------------------------------------------------------------------

    def _read_one(self, key_type: str, key: str, answer: Answer) -> Record | None:
        """Read the account of a key, or None where the API itself says that there is none."""
        if _is_nobody(answer):
            return None
        if answer.status == 403:
            raise self.refusal(answer, "no permission to read: add a Read scope")
        return self._read_record(key_type, (key,), answer)

    def _read_record(self, key_type: str, keys: Iterable[str], answer: Answer) -> Record:
        """Read the account that one of the keys names."""
        if answer.status >= 400:
            raise self.refused(answer)
        record = _with_id(answer.members)
        if answer.status != 200 or not record:
            raise self.unexpected(answer)
        found = record.get(key_type)
        same_key = partial(self.profile_of, key_type)
        if found is not None and same_key(str(found)) not in map(same_key, keys):
            raise self.refusal(answer, f"its answer is another account's: the {key_type} is not the key")
        return record

    def taken(
        self, change: Change, current: Mapping[str, Any] | None, record: Mapping[str, Any]
    ) -> dict[str, Taken]:
        """Hold what came back against what was sent, and against what was there before, if that was read.

        What was there before may be what was sent, in the form in which the server keeps it. Where it was not
        read, what has nothing in common with what was sent is taken for it. None: the account is new.
        """
        found: dict[str, Taken] = {}
        for name, value in change.fields.items():
            held = written(record.get(name))
            if same(value, held):
                continue
            if current is None:
                stayed = False
            elif name in current:
                stayed = same(held, current[name])
            else:
                stayed = name in record and not (alike(value, held) or is_akin(value, held))
            found[name] = "ignored" if stayed and not self.same(name, value, held) else "other"
        return found

    def _read_rows(self, answer: Answer) -> tuple[list[Record], int | None]:
        """Read the accounts of a page, each once, and how many there are in all."""
        if answer.status == 403:
            raise self.refusal(answer, "no permission to list accounts: add a Read scope")
        if answer.status >= 400:
            raise self.refused(answer)
        rows, meta = answer.members.get("Data"), answer.members.get("Meta")
        found = [_with_id(row) for row in rows] if isinstance(rows, list) else [{}]
        if answer.status != 200 or not all(found):
            raise self.unexpected(answer)
        total = count(meta.get("TotalItems")) if isinstance(meta, dict) else None
        return list({row["Id"]: row for row in found}.values()), total

    def refused(self, answer: Answer, hint: str = "") -> RecordRefused:
        """Return the refusal of a record; ``hint`` says what it means, free of values."""
        key = str(answer.members.get("RequestKey", ""))
        hint = hint or {403: "no permission", 404: "no such account"}.get(answer.status, "")
        what = [part for part in (hint, f"RequestKey {key}" if _REQUEST_KEY.fullmatch(key) else "") if part]
        errors = answer.members.get("Errors")
        detail = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
        refused = self.refusal(answer, ", ".join(what), detail)
        return NoAccount.of(refused) if _is_nobody(answer) else refused


def _is_nobody(answer: Answer) -> bool:
    """Whether the API itself, and no proxy before it, says that there is no such account."""
    return answer.status == 404 and count(answer.members.get("StatusCode")) == 404


def _with_id(record: Any) -> Record:
    """Return a record with its id as text, or nothing where it has none."""
    if not isinstance(record, dict):
        return {}
    found = identifier(record.get("Id"))
    return record if found is record.get("Id") and found else {**record, "Id": found} if found else {}


def _is_searchable(text: str) -> bool:
    """Whether a filter can hold this value without meaning something else."""
    return bool(_SEARCHABLE.fullmatch(text)) and _OPERATORS.isdisjoint(text.casefold().split())


def written(value: Any) -> Any:
    """Return a returned value as PUT takes it: foreign keys come back as objects, go out as their Id."""
    return value.get("Id") if isinstance(value, dict) else value


def shown(record: Record, fields: Iterable[str]) -> dict[str, Any]:
    """Return those of the fields that a record shows; one that is empty is None."""
    found: dict[str, Any] = {}
    for name in fields:
        if name in record:
            value = record[name]
            if type(value) is not str:  # as most are
                value = written(value)
            found[name] = None if value == "" else value
    return found


def _each_held(rows: Iterable[Record], key_type: str, fields: Collection[str]) -> tuple[Held, ...]:
    keyed = ((identifier(written(row.get(key_type))), row) for row in rows)
    return tuple(Held(key, shown(row, fields)) for key, row in keyed if key)
