"""Axero Communifire: read users, as far as a site gives back what was written.

Source: the vendor's mobile app (github.com/sidorkalinin/Communifire, 2018), read 2026-11-21; no page has
these requests. A user is a content of type 15, of which named attributes can be asked for, such as
FirstName; the update goes by labels, such as "First name". A label is taken for the attribute of the same
letters; others are never given back. Unknown: whether labels can be asked for, too (``attributes``, an extra
that chooses). Users are searched for by their name alone; whether that is exact is unknown, so the others are
left out.
Limits: as for the update; the app lists 15 users a page.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import RecordRefused
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.comparing import or_none, same_form
from airflow_profile_provider.vendors.exchange import Answer, Finding, Held, Page, Paging, Reading, Request
from airflow_profile_provider.vendors.fields import Field
from airflow_profile_provider.vendors.listing import Place, identifier
from airflow_profile_provider.vendors.reads import Search

_USERS = 15
"""The content type of users; and by chance how many the app lists on a page."""
_MOST_FOUND = 100
_ATTRIBUTES = (
    "UserID",
    "Email",
    "Username",
    "FirstName",
    "LastName",
    "Company",
    "Department",
    "Phone",
    "City",
    "State",
)
_FORMS = {"email": "email", "phone": "phone", "mobile": "phone", "mobilephone": "phone"}
_NOBODY = ("not found", "does not exist", "no such user")
_NONE: Mapping[str, Field] = {}

User = Mapping[str, Any]


class Users(Vendor):
    """Users as they are read."""

    key_types = ("UserID", "Email", "Username")
    readings: ClassVar = {
        "body": ("json", "text"),
        "values": ("text", "json"),
        "username_label": ("Username", "UserName"),
        "clear_with": ("empty", "null"),
        "attributes": ("named", "labels"),
    }
    about_reads = frozenset({"attributes"})
    read_batch = 1
    page_size = _USERS
    requests_per_page = 1 + _USERS
    matchable: Mapping[str, Search] = {"Username": "contains"}

    @property
    def readable_key_types(self) -> tuple[str, ...]:
        """Return the id, and the user name, which is searched for; nobody is found by an e-mail address."""
        return ("UserID", "Username")

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """GET each user's attributes by the id, which a search for the user name finds."""
        self._require_readable(key_type)
        found: dict[str, Held | None] = {}
        for key in keys:
            number: str | None = key
            if key_type == "Username":
                users = yield from self._named(key)
                if len(users) > 1:
                    raise RecordRefused(f"{self.name} has several users of this {key_type}")
                number = users[0]["UserID"] if users else None
            user = None if number is None else (yield self._get(number, fields))
            found[key] = None if user is None else Held(key, self._shown(user, fields))
        return found

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """GET a page of the users, and what it does not show of each; an empty page is the end.

        Whoever the site refuses to show is left out, as if the list had passed over them.
        """
        place = Place.of(cursor)
        asked = {"sortorder": 0, "startpage": place.page + 1, "pagelength": self.page_size}
        rows: list[User] = yield self._list(asked)
        held: dict[str, Held] = {}
        refused: list[RecordRefused] = []
        for number, row in {row["UserID"]: row for row in rows}.items():
            wanted = {*self._attributes(fields), key_type}
            try:
                user = row if wanted <= row.keys() else (yield self._get(number, (*fields, key_type)))
            except RecordRefused as error:
                refused.append(error)
                continue
            if user is not None and (key := identifier(user.get(key_type))):
                held[key] = Held(key, self._shown(user, fields))
        if refused and len(refused) == len(rows):
            raise refused[0]
        after = place.after([row["UserID"] for row in rows], self.name)
        return Page(tuple(held.values()), after.cursor if after else None)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Search for the user name, and leave out who has not exactly this one."""
        text = self._searched(field, value)
        users = yield from self._named(text)
        named = ((identifier(user.get(key_type)), user) for user in users)
        found = tuple(Held(key, {field: user["Username"]}) for key, user in named if key)
        self._require_keys(found, users, key_type)
        return found

    def unreadable(self, fields: Collection[str]) -> frozenset[str]:
        """Return the labels that are no named attribute's, unless labels can be asked for."""
        if self.reading("attributes") == "labels":
            return frozenset()
        return frozenset(label for label in fields if _attribute(label) is None)

    def same(self, field: str, sent: Any, held: Any, catalogue: Mapping[str, Field] = _NONE) -> bool:
        """Whether a site holds what was sent; it keeps texts, and may write true as True."""
        texts = [one.strip().casefold() if isinstance(one, str) else one for one in (sent, held)]
        if set(map(str, texts)) <= {"true", "false"}:
            return texts[0] == texts[1]
        return same_form(_FORMS.get(letters(field), ""), sent, held)

    # -- requests ---------------------------------------------------------------------------------------

    def _attributes(self, fields: Iterable[str]) -> list[str]:
        """Return what to ask for: named attributes, and labels where they can be."""
        labels = self.reading("attributes") == "labels"
        named = [_attribute(label) or (label if labels else "") for label in fields]
        return list(dict.fromkeys(filter(None, ("UserID", *named))))

    def _get(self, number: str, fields: Iterable[str]) -> Request:
        asked = {"contenttypeid": _USERS, "fields": ",".join(self._attributes(fields))}
        path = f"/api/content/{quote(number, safe='')}?{urlencode(asked, quote_via=quote, safe=',')}"
        return Request("GET", path, lambda answer: self._read_user(number, answer))

    def _list(self, asked: Mapping[str, Any]) -> Request:
        return Request("GET", f"/api/users?{urlencode(asked, quote_via=quote)}", self._read_users)

    def _named(self, name: str) -> Generator[Request, Any, list[User]]:
        """Search for a user name; return who has exactly this one, in whatever case."""
        asked = {"username": name, "startpage": 1, "pagelength": _MOST_FOUND}
        rows: list[User] = yield self._list(asked)
        found = {
            row["UserID"]: row
            for row in rows
            if self.profile_of("Username", row["Username"]) == self.profile_of("Username", name)
        }
        if not found and len(rows) >= _MOST_FOUND:
            raise RecordRefused(f"{self.name} finds too many users by this user name")
        return list(found.values())

    # -- answers ----------------------------------------------------------------------------------------

    def _read_user(self, number: str, answer: Answer) -> User | None:
        """Read a user's attributes, or None where there is no such user."""
        if answer.members.get("IsError") is True and _says_nobody(answer):
            return None
        user = self._data(answer)
        if user in (None, 0, "", [], {}):
            return None
        if not isinstance(user, dict):
            raise self.unexpected(answer)
        shown = identifier(user.get("UserID"))
        if shown and shown.lstrip("0") != number.strip().lstrip("0"):
            raise self.refusal(answer, "the attributes of another user came back")
        return user

    def _read_users(self, answer: Answer) -> list[User]:
        rows = self._data(answer)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self.unexpected(answer)
        users = [_named_as_here(row) for row in rows]
        if not all(user["UserID"] for user in users):
            raise self.unexpected(answer)
        return users

    def _data(self, answer: Answer) -> Any:
        """Return what the envelope holds; a list of users may come without ``IsError``."""
        failed = answer.members.get("IsError") is True
        if answer.status >= 400 or failed:
            words = answer.members.get("ResponseMessage")
            raise self.refusal(answer, "IsError" if failed else "", str(words or ""))
        if answer.status != 200 or "ResponseData" not in answer.members:
            raise self.unexpected(answer)
        return answer.members["ResponseData"]

    def _shown(self, user: User, fields: Collection[str]) -> dict[str, Any]:
        """Return those of the fields that a user's attributes show, by their labels."""
        named = {label: _attribute(label) or label for label in fields}
        return {label: or_none(user[name]) for label, name in named.items() if name in user}


def _named_as_here(row: User) -> User:
    """Return a row of a list with its identifiers as texts, however the user name is spelt there."""
    name = row.get("Username", row.get("UserName"))
    return {**row, "UserID": identifier(row.get("UserID")), "Username": identifier(name)}


def letters(label: str) -> str:
    """Return what is left of a label whatever its case, blanks and hyphens."""
    return "".join(letter for letter in label.casefold() if letter.isalnum())


_BY_LETTERS = {letters(name): name for name in _ATTRIBUTES}


@lru_cache(1000)
def _attribute(label: str) -> str | None:
    """Return the named attribute that has a label's letters, if there is one."""
    return _BY_LETTERS.get(letters(label))


def _says_nobody(answer: Answer) -> bool:
    words = str(answer.members.get("ResponseMessage") or "").casefold()
    return any(known in words for known in _NOBODY)
