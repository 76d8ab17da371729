"""Ocamba Hood: read profiles, one by its id, a page of them, or those that a filter finds.

Pages: https://docs.ocamba.com/api/hood/v1.0 (lists of organizations and of profile lists; the pages that
update and delete a profile name a list of profiles, which has no page of its own), read 2026-11-21.
Limits: as for the update.
Inferred from its siblings: the address of one profile and the envelope around it (``read_by``), the words
for an unknown id, the grammar of the list (``page_length``, ``shows``), and its filters (``search``).
Unknown: whether ``lists`` and ``custom_properties`` hold what was sent alone, or beside what was there
(``collections``); what becomes of a property that an account has not declared (``undeclared``); what a
deleted profile looks like. Extras of these names choose.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import InvalidRecord, RecordRefused
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.comparing import or_none, same_form
from airflow_profile_provider.vendors.exchange import (
    Answer,
    Finding,
    Held,
    Learning,
    Page,
    Paging,
    Reading,
    Request,
)
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.listing import Place, count, identifier
from airflow_profile_provider.vendors.ocamba.properties import Properties, check_properties, learn_properties
from airflow_profile_provider.vendors.reads import Search

PATH = "/v1/hood/profiles"
_PROPERTIES = "custom_properties"
UNKNOWN_ID = "Unknown profile id."
_KNOWN_MESSAGES = frozenset({UNKNOWN_ID, "The request is not valid."})
_TRACE_ID = frozenset("0123456789abcdefABCDEF-")
_MOST_PAGES, _PAGE = 4, 100
"""Pages of one search, and the profiles on each."""
_NONE: Mapping[str, Field] = {}

Item = Mapping[str, Any]


class Profiles(Vendor):
    """Profiles as they are read."""

    key_types = ("id",)
    readings: ClassVar = {
        "custom_properties": ("object", "text"),
        "organization_id": ("text", "integer"),
        "clear_with": ("null", "empty"),
        "read_by": ("id", "filter"),
        "page_length": ("100", "50", "25", "none"),
        "shows": ("fields", "full", "default"),
        "search": ("filter", "q"),
        "collections": ("replace", "add"),
        "undeclared": ("refuse", "send"),
        "bulk": ("off", "import"),
    }
    about_reads = frozenset(
        {"read_by", "page_length", "shows", "search", "collections", "undeclared", "bulk"}
    )
    fields: ClassVar = {
        "email": Field("string", form="email"),
        "mobile_phone_number": Field("string", form="phone"),
        "full_name": Field("string"),
        "organization_id": Field("string"),
        "lists": Field("string[]", form="unordered"),
        "comment": Field("string"),
        "custom_properties": Field("object"),
    }
    read_batch = 1
    page_size = 100
    matchable: Mapping[str, Search] = {
        "email": "exact",
        "mobile_phone_number": "exact",
        "full_name": "exact",
    }

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        length = self.reading("page_length")
        self.page_size = self.page_size if length == "none" else int(length)

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """GET each profile by its id, or the list of those that have it."""
        self._require_readable(key_type)
        found: dict[str, Held | None] = {}
        for key in keys:
            asked = self._shows(fields)
            if self.reading("read_by") == "id":
                path = f"{PATH}/{quote(key, safe='')}" + (f"?{_query(asked)}" if asked else "")
                item = yield Request("GET", path, partial(self._read_one, key))
            else:
                items, _ = yield self._list({"id": key, "page": "1,2", **asked})
                item = next((each for each in items if _same_id(each["id"], key)), None)
            found[key] = None if item is None or _is_deleted(item) else Held(key, _shown(item, fields))
        return found

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """GET a page of the list, in the order of the ids.

        The total may be that of the page: the end is where the rows come to it after the first page, or a
        page without any.
        """
        self._require_readable(key_type)
        place = Place.of(cursor)
        length = self.reading("page_length")
        page = f"{place.page + 1}" + ("" if length == "none" else f",{length}")
        items, total = yield self._list({"page": page, "sort": "id", **self._shows(fields)})
        after = place.after([item["id"] for item in items], self.name)
        ended = after is None or (place.page > 0 and after.seen == total)
        there = {item["id"]: item for item in items if not _is_deleted(item)}
        held = tuple(Held(key, _shown(item, fields)) for key, item in there.items())
        whole = total if total is not None and total > len(items) else None
        return Page(held, None if after is None or ended else after.cursor, whole)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Filter the list by the field, or search it, and leave out who has not exactly this value."""
        self._require_readable(key_type)
        text = self._searched(field, value)
        if ":" in text:
            raise InvalidRecord(
                f"{field}: a colon means something in {self.name}'s filters; match by another"
            )
        by = {field: text} if self.reading("search") == "filter" else {"q": text, "q_fields": field}
        found: dict[str, Held] = {}
        for page in range(1, _MOST_PAGES + 1):
            items, total = yield self._list({**by, "page": f"{page},{_PAGE}", **self._shows((field,))})
            for item in items:
                held = Held(item["id"], _shown(item, (field,)))
                if not _is_deleted(item) and self.same(field, text, held.fields.get(field)):
                    found[held.key] = held
            whole = len(items) < _PAGE and total is not None and total <= len(items)
            if len(found) > 1 or not items or whole:
                return tuple(found.values())
        raise RecordRefused(f"{self.name} finds too many profiles by {field}: does it heed the filter?")

    def same(self, field: str, sent: Any, held: Any, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether a profile holds what was sent; with ``collections: add``, beside whatever else."""
        if field == "custom_properties":
            sent, held = _properties(sent), _properties(held)
        if super().same(field, sent, held, catalogue):
            return True
        if self.reading("collections") == "replace":
            return False
        if isinstance(sent, dict) and isinstance(held, dict):
            return all(same_form("", value, held.get(name)) for name, value in sent.items())
        both = isinstance(sent, list) and isinstance(held, list)
        return both and all(any(same_form("", one, other) for other in held) for one in sent)

    def is_catalogued(self, fields: Collection[str] | None) -> bool:
        """Whether the account's own properties are among the fields: the others are documented."""
        return fields is None or _PROPERTIES in fields

    def learn(self) -> Learning:
        """Ask for the account's own properties: they are the members of ``custom_properties``."""
        return learn_properties(_PROPERTIES)

    def check_field(self, name: str, value: Any, *, loose: bool, catalogue: Mapping[str, Field]) -> Any:
        """Check the account's own properties, too, where they are known."""
        taken = super().check_field(name, value, loose=loose, catalogue=catalogue)
        if isinstance(known := catalogue.get(name), Properties):
            check_properties(known, taken, undeclared=self.reading("undeclared"))
        return taken

    # -- requests ---------------------------------------------------------------------------------------

    def _shows(self, fields: Collection[str]) -> dict[str, str]:
        """Return what asks for the fields: by name, since it is not known what a list shows by itself."""
        shows = self.reading("shows")
        if shows == "default":
            return {}
        return (
            {"view": "full"}
            if shows == "full"
            else {"fields": ",".join(dict.fromkeys(("id", "status", *fields)))}
        )

    def _list(self, asked: Mapping[str, str]) -> Request:
        return Request("GET", f"{PATH}?{_query(asked)}", self._read_items)

    # -- answers ----------------------------------------------------------------------------------------

    def _read_one(self, key: str, answer: Answer) -> Item | None:
        """Read the profile of an id, or None where the API itself says that there is none."""
        if answer.status in {400, 404} and answer.members.get("message") == UNKNOWN_ID:
            return None
        if answer.status >= 400:
            raise self._refused(answer)
        bare = "id" in answer.members and "items" not in answer.members
        items = [answer.members] if bare else self._items(answer)
        if not items:
            return None
        if not _same_id(identifier(items[0]["id"]), key):
            raise self.refusal(answer, "its answer is another profile's")
        return items[0]

    def _read_items(self, answer: Answer) -> tuple[list[Item], int | None]:
        """Read the profiles of a page, and how many there are."""
        if answer.status >= 400:
            raise self._refused(answer)
        return self._items(answer), count(answer.members.get("total"))

    def _items(self, answer: Answer) -> list[Item]:
        items = answer.members.get("items")
        if answer.status != 200 or not isinstance(items, list):
            raise self.unexpected(answer)
        found: list[Item] = [
            {**item, "id": identifier(item.get("id"))} for item in items if isinstance(item, dict)
        ]
        if len(found) < len(items) or not all(item["id"] for item in found):
            raise self.unexpected(answer)
        return found

    def _refused(self, answer: Answer) -> RecordRefused:
        message = str(answer.members.get("message", ""))
        trace = str(answer.members.get("trace_id", ""))
        known = [message.rstrip(".")] if message in _KNOWN_MESSAGES else []
        traced = [f"trace_id {trace}"] if 8 <= len(trace) <= 64 and _TRACE_ID.issuperset(trace) else []
        refused = self.refusal(answer, ", ".join(known + traced))
        refused.nobody = refused.nobody or message == UNKNOWN_ID
        return refused


def _query(asked: Mapping[str, str]) -> str:
    return urlencode(asked, quote_via=quote, safe=",")


def _same_id(found: str, key: str) -> bool:
    return folded(found, number=True) == folded(key, number=True)


def _is_deleted(item: Item) -> bool:
    """Whether a profile that is still shown was deleted, or merged into another."""
    return str(item.get("status")).casefold() == "deleted"


def _shown(item: Item, fields: Collection[str]) -> dict[str, Any]:
    """Return those of the fields that an item shows, as a change has them."""
    found = {name: item[name] for name in fields if name in item}
    if "custom_properties" in found:
        found["custom_properties"] = _properties(found["custom_properties"])
    if isinstance(found.get("lists"), list):
        found["lists"] = [_bare(one) for one in found["lists"]]
    return {name: or_none(value) for name, value in found.items()}


def _bare(listed: Any) -> Any:
    return listed.get("id") if isinstance(listed, dict) and "id" in listed else listed


def _properties(value: Any) -> Any:
    """Return custom properties as an object: they may be a text that holds one, each value with its type."""
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        value = found if isinstance(found, dict) else value
    if not isinstance(value, dict):
        return value
    typed = {"type", "value"}
    return {
        name: one["value"] if isinstance(one, dict) and one.keys() == typed else one
        for name, one in value.items()
    }
