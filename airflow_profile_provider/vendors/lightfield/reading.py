"""Lightfield: read accounts, one by its id, a page of 25, or those that a filter finds.

Pages: https://docs.lightfield.app (Retrieve an account; List accounts; List endpoints), read 2026-11-21.
Limits: 25 requests a second in each of Read and Search; 25 accounts a page, newest first.
Lists come from a search index that lags behind writes: whoever it finds is read once more by the id. How far
it lags is not documented, nor what it shows of an account that was just moved to the trash.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import RecordRefused
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.comparing import or_none
from airflow_profile_provider.vendors.exchange import Answer, Finding, Held, Page, Paging, Reading, Request
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.lightfield.attributes import Attribute, members
from airflow_profile_provider.vendors.lightfield.errors import read_error
from airflow_profile_provider.vendors.lightfield.keeping import same_value
from airflow_profile_provider.vendors.lightfield.links import links_held
from airflow_profile_provider.vendors.listing import Place, count
from airflow_profile_provider.vendors.reads import Search

PATH = "/v1/accounts"
_MOST_PAGES = 4
"""Pages of one search; whoever is not found exactly by then is not searched for any further."""
_SEARCHED = frozenset(("TEXT", "EMAIL", "TELEPHONE", "URL", "SOCIAL_HANDLE", "NUMBER", "CURRENCY"))
_NONE: Mapping[str, Field] = {}

Record = Mapping[str, Any]


class Accounts(Vendor):
    """Accounts as they are read."""

    key_types = ("id",)
    fields: ClassVar = {
        "$name": Field("string", type="TEXT", required=True),
        "$website": Field("string[]", type="URL"),
        "$industry": Field("string[]", type="MULTI_SELECT"),
        "$headcount": Field("string", type="SINGLE_SELECT"),
        "$lastFundingType": Field("string", type="SINGLE_SELECT"),
        "$facebook": Field("string", type="SOCIAL_HANDLE"),
        "$instagram": Field("string", type="SOCIAL_HANDLE"),
        "$linkedIn": Field("string", type="SOCIAL_HANDLE"),
        "$twitter": Field("string", type="SOCIAL_HANDLE"),
        "$primaryAddress": Attribute("object", type="ADDRESS"),
        "$howTheyMakeMoney": Field(type="MARKDOWN", read_only=True),
        "$accountStatus": Field(read_only=True),
    }
    read_batch = 1
    page_size = 25
    lists_lag = True
    shows_relationships = True
    requests_per_find = 2
    matchable: Mapping[str, Search] = {
        "$name": "exact",
        "$website": "contains",
        "$facebook": "exact",
        "$instagram": "exact",
        "$linkedIn": "exact",
        "$twitter": "exact",
    }

    def is_matchable(self, field: str, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether accounts are found by a field: by custom attributes, too, if their type has a filter."""
        if field.startswith("$"):
            return field in self.matchable
        return catalogue[field].type in _SEARCHED if field in catalogue else not catalogue

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """GET each account by its id."""
        self._require_readable(key_type)
        found: dict[str, Held | None] = {}
        for key in keys:
            record = yield self._get(key)
            found[key] = None if record is None else _held(key, record, fields)
        return found

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """GET a page of the accounts; the last one is shorter than the others."""
        self._require_readable(key_type)
        place = Place.of(cursor)
        rows, total = yield self._list(offset=place.page * self.page_size)
        after = place.after([row["id"] for row in rows], self.name)
        once = {row["id"]: _held(row["id"], row, fields) for row in rows}
        ended = len(rows) < self.page_size
        return Page(tuple(once.values()), after.cursor if after and not ended else None, total)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Filter the list by the field, and read anew whoever it finds with exactly this value."""
        self._require_readable(key_type)
        text = self._searched(field, value)
        found: dict[str, Held] = {}
        seen: set[str] = set()
        for page in range(_MOST_PAGES):
            rows, _ = yield self._list(**{self._filter(field): text}, offset=page * self.page_size)
            for row in rows:
                if row["id"] in seen or not self.same(field, text, shown(row, (field,))[field]):
                    continue
                seen.add(row["id"])
                record = yield self._get(row["id"])
                held = Held(row["id"], shown(record, (field,)) if record else {})
                if record and self.same(field, text, held.fields[field]):
                    found[held.key] = held
                if len(found) > 1:
                    return tuple(found.values())
            if len(rows) < self.page_size:
                return tuple(found.values())
        raise RecordRefused(f"{self.name} finds too many accounts by {field}; match by another field")

    def same(self, field: str, sent: Any, held: Any, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether an account holds what was sent, in whatever form is documented for the field's type.

        The label of an option is its id where the workspace's definitions, the ``catalogue``, tell it.
        """
        return same_value(catalogue.get(field) or self.fields.get(field) or Field(), sent, held)

    def same_links(self, operations: Mapping[str, Any], held: Sequence[str]) -> bool:
        """Whether all that is to be linked is, and nothing that is not: without replace, others may be."""
        return links_held(operations, held)

    # -- requests ---------------------------------------------------------------------------------------

    def _get(self, key: str) -> Request:
        return Request("GET", f"{PATH}/{quote(key, safe='')}", partial(self._read_one, key))

    def _list(self, **asked: Any) -> Request:
        query = urlencode({"limit": self.page_size, **asked}, quote_via=quote)
        return Request("GET", f"{PATH}?{query}", self._read_rows)

    def _filter(self, field: str) -> str:
        """Return a filter's name; without an operator, the vendor takes the one of the field's type."""
        operator = {"exact": "[equal]", "contains": "[contains]"}
        return field + operator.get(self.matchable.get(field, ""), "")

    # -- answers ----------------------------------------------------------------------------------------

    def _read_one(self, key: str, answer: Answer) -> Record | None:
        """Read the account of an id, or None where the API says so: it is unknown, or in the trash."""
        if answer.status == 404 and read_error(answer)[0] == "not_found":
            return None
        record = answer.members
        if answer.status >= 400:
            raise self._unread(answer)
        if answer.status != 200 or not _is_record(record):
            raise self.unexpected(answer)
        if self.profile_of("id", record["id"]) != self.profile_of("id", key):
            raise self.refusal(answer, "the answer has another account than the request")
        return record

    def _read_rows(self, answer: Answer) -> tuple[list[Record], int | None]:
        """Read the accounts of a page, and how many there are, as far as the index knows."""
        if answer.status >= 400:
            raise self._unread(answer)
        rows = answer.members.get("data")
        if answer.status != 200 or not isinstance(rows, list) or not all(map(_is_record, rows)):
            raise self.unexpected(answer)
        return rows, count(answer.members.get("totalCount"))

    def _unread(self, answer: Answer) -> RecordRefused:
        code, _, message = read_error(answer)
        scope = "add the scope accounts:read" if answer.status == 403 else ""
        return self.refusal(answer, ", ".join(filter(None, (code, scope))), message)


def _is_record(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and isinstance(found.get("id"), str)
        and bool(found["id"])
        and isinstance(found.get("fields"), dict)
    )


def shown(record: Record, fields: Collection[str]) -> dict[str, Any]:
    """Return the bare values of the fields; one that a record does not show holds nothing."""
    held = members(record.get("fields"))
    return {name: or_none(_bare(held.get(name))) for name in fields}


def _held(key: str, record: Record, fields: Collection[str]) -> Held:
    links = record.get("relationships")
    if not isinstance(links, Mapping):
        return Held(key, shown(record, fields))
    return Held(key, shown(record, fields), {name: _linked(each) for name, each in links.items()})


def _linked(link: Any) -> tuple[str, ...] | None:
    ids = members(link).get("values")
    return tuple(map(str, ids)) if isinstance(ids, list) else None


def _bare(value: Any) -> Any:
    return value["value"] if isinstance(value, Mapping) and "value" in value else value
