"""Sonoran CMS: read accounts, one by an identifier, or a page of them (v1 alone).

Pages: https://docs.sonoransoftware.com/cms/ (Get Com Account, Get Accounts; API Endpoints v2), read
2026-11-21.
Limits: as for the update; a page of v1 holds 100 accounts at the most.
v2 lists accounts without their profile fields, so they are read one by one there. Unknown: whether v1's
list shows profile fields (``list_shows``); whether v2's search takes other identifiers than the user name, as
the vendor's own server resource does (``search``): extras of these names choose. An account that was merged
into another is archived, and counts as gone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote, urlencode

from airflow_profile_provider.errors import RecordRefused
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.vendors.base import Access, Vendor
from airflow_profile_provider.vendors.comparing import or_none
from airflow_profile_provider.vendors.exchange import (
    Answer,
    Finding,
    Held,
    Page,
    Paging,
    Rate,
    Reading,
    Request,
    to_json,
)
from airflow_profile_provider.vendors.listing import Place, count, identifier
from airflow_profile_provider.vendors.reads import Search

_UNKNOWN_ACCOUNT = (
    "API ID NOT LINKED TO AN ACCOUNT IN THIS COMMUNITY",
    "NO ACCOUNT FOUND UNDER GIVEN PARAMETERS IN THIS COMMUNITY",
    "MEMBER NOT FOUND",
)
_DIGITS = re.compile(r"\d{1,20}", re.ASCII)
_TAKE = 100
_ACCOUNTS = "/v2/community/accounts"

Account = Mapping[str, Any]


class Accounts(Vendor):
    """Accounts as they are read, through either API."""

    key_types = ("accId", "apiId", "username", "discord", "uniqueId")
    readings: ClassVar = {
        "unique_id": ("number", "text"),
        "clear_with": ("null", "empty"),
        "list_shows": ("fields", "none"),
        "search": ("username", "any"),
    }
    about_reads = frozenset({"list_shows", "search"})
    quotas: ClassVar[Mapping[str, tuple[Rate, ...]]] = {"v1": (Rate(1, 1),), "v2": (Rate(22, 60),)}
    read_batch = 1
    page_size = _TAKE

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        api = str(access.extra.get("api") or "v1")
        self.api = require_choice("the connection's api", api, tuple(self.quotas))
        identifiers: dict[str, Search] = dict.fromkeys(self.key_types[1:], "exact")
        self.matchable = identifiers
        if self.api == "v2":
            self.page_size = 0
            if self.reading("search") == "username":
                self.matchable = {"username": "contains"}
        elif self.reading("list_shows") == "none":
            self.page_size = 0

    @property
    def usable_key_types(self) -> tuple[str, ...]:
        """Return the identifiers that the chosen version takes: v2 knows the account's id alone."""
        return self.key_types if self.api == "v1" else self.key_types[:1]

    @property
    def readable_key_types(self) -> tuple[str, ...]:
        """Return the same: an account is read by what it is written by."""
        return self.usable_key_types

    def read(self, keys: Sequence[str], key_type: str, fields: Collection[str]) -> Reading:
        """Ask for each account by its identifier."""
        self._require_readable(key_type)
        found: dict[str, Held | None] = {}
        for key in keys:
            account = yield self._ask(key_type, key)
            found[key] = None if account is None or _is_gone(account) else Held(key, _shown(account, fields))
        return found

    def read_all(self, cursor: str | None, key_type: str, fields: Collection[str]) -> Paging:
        """Ask for a page of the accounts; one has a line for each identifier of this type.

        Where a list shows no profile fields, it still tells who there is, if no field is asked for.
        """
        self._require_readable(key_type)
        if fields and not self.page_size:
            raise self._cannot("listed with their fields through this API: they are read by their keys")
        place = Place.of(cursor)
        accounts, total = yield self._list(place.seen)
        after = place.after([account["accId"] for account in accounts], self.name)
        if after and total is not None and after.seen >= total:
            after = None
        if accounts and fields and not any("profileFields" in account for account in accounts):
            raise RecordRefused(
                f"{self.name}'s list shows no profile fields: set the connection's list_shows to none"
            )
        held = {
            key: Held(key, _shown(account, fields))
            for account in accounts
            if not _is_gone(account)
            for key in _identifiers(account, key_type)
        }
        return Page(tuple(held.values()), after.cursor if after else None, total)

    def find(self, field: str, value: Any, key_type: str) -> Finding:
        """Ask for who has this identifier; v2 searches, and who only resembles it is left out."""
        self._require_readable(key_type)
        text = self._searched(field, value)
        if self.api == "v1":
            account = yield self._ask(field, text)
            accounts: list[Account] = [] if account is None else [account]
        else:
            query = urlencode({field: text}, quote_via=quote)
            accounts, _ = yield Request("GET", f"{_ACCOUNTS}/search?{query}", self._read_items)
        exact = {
            account["accId"]: account
            for account in accounts
            if not _is_gone(account) and _has(account, field, text)
        }
        keys = (next(_identifiers(account, key_type), "") for account in exact.values())
        found = tuple(Held(key, {field: text}) for key in keys if key)
        self._require_keys(found, tuple(exact), key_type)
        return found

    # -- requests ---------------------------------------------------------------------------------------

    def _ask(self, key_type: str, key: str) -> Request:
        read = partial(self._read_account, key_type, key)
        if self.api == "v2":
            return Request("GET", f"{_ACCOUNTS}/{quote(key, safe='')}", read)
        asked = [{key_type: self._identifier(key_type, key)}]
        return self._v1("get_com_account", "GET_COM_ACCOUNT", read, asked)

    def _list(self, skip: int) -> Request:
        if self.api == "v2":
            return Request("GET", f"{_ACCOUNTS}?skip={skip}&take={_TAKE}", self._read_items)
        asked = [{"skip": skip, "take": _TAKE}]
        return self._v1("get_accounts", "GET_ACCOUNTS", self._read_accounts, asked)

    def _identifier(self, key_type: str, key: str) -> str | int:
        is_number = key_type == "uniqueId" and _DIGITS.fullmatch(key)
        return int(key) if is_number and self.reading("unique_id") == "number" else key

    def _v1(
        self, path: str, kind: str, read: Callable[[Answer], Any], content: list[Any] | None = None
    ) -> Request:
        body: dict[str, Any] = {"id": self.access.login, "key": self.access.secret, "type": kind}
        if content is not None:
            body["data"] = content
        return Request("POST", f"/general/{path}", read, to_json(body))

    # -- answers ----------------------------------------------------------------------------------------

    def _content(self, answer: Answer) -> Any:
        """Return what an answer is about: v2 has it in an envelope."""
        if self.api == "v1":
            return answer.parsed
        return answer.members.get("data") if answer.members.get("success") is True else None

    def _read_account(self, key_type: str, key: str, answer: Answer) -> Account | None:
        """Read the account of an identifier, or None where there is none."""
        if self._is_unknown(answer):
            return None
        if answer.status >= 400:
            raise self._refused(answer)
        account = self._content(answer)
        if isinstance(account, list) and len(account) == 1:
            (account,) = account
        if answer.status != 200 or not _is_account(account):
            raise self.unexpected(answer)
        shown = {self.profile_of(key_type, one) for one in _identifiers(account, key_type)}
        own = key_type in {"accId", "discord", "uniqueId"}  # of the others, an account need not show all
        if own and shown and self.profile_of(key_type, key) not in shown:
            raise self.refusal(answer, "its answer is about another account")
        return {**account, "accId": identifier(account["accId"])}

    def _is_unknown(self, answer: Answer) -> bool:
        if answer.status not in {400, 404}:
            return False
        known = any(words in message(answer).upper() for words in _UNKNOWN_ACCOUNT)
        problem = "problem+json" in answer.headers.get("content-type", "").lower()
        return known or (self.api == "v2" and answer.status == 404 and problem)

    def _read_accounts(self, answer: Answer) -> tuple[list[Account], int | None]:
        """Read a page of v1's list, and how many accounts there are."""
        content = self._list_of(answer, answer.members, "accounts")
        return content, count(answer.members.get("total"))

    def _read_items(self, answer: Answer) -> tuple[list[Account], int | None]:
        """Read what v2 lists or finds, and how many there are."""
        content = self._content(answer)
        return self._list_of(answer, content, "items"), count(content.get("total"))

    def _list_of(self, answer: Answer, content: Any, member: str) -> list[Account]:
        if answer.status >= 400:
            raise self._refused(answer)
        found = content.get(member) if isinstance(content, dict) else None
        if answer.status != 200 or not isinstance(found, list) or not all(map(_is_account, found)):
            raise self.unexpected(answer)
        return [{**account, "accId": identifier(account["accId"])} for account in found]

    def _refused(self, answer: Answer) -> RecordRefused:
        text = message(answer)
        known = any(words in text.upper() for words in _UNKNOWN_ACCOUNT)
        refused = self.refusal(answer, "no such account" if known else "", text)
        refused.nobody = refused.nobody or known
        return refused


def message(answer: Answer) -> str:
    """Return the words of an error: bare text, or a member of a JSON body."""
    for member in ("detail", "message", "error", "reason"):
        if isinstance(answer.members.get(member), str):
            return str(answer.members[member])
    return answer.parsed if isinstance(answer.parsed, str) else answer.text[:500]


def _is_account(found: Any) -> bool:
    return isinstance(found, dict) and bool(identifier(found.get("accId")))


def _is_gone(account: Account) -> bool:
    """Whether an account is archived, as the one that was merged into another is."""
    return account.get("archived") is True


def _identifiers(account: Account, key_type: str) -> Iterator[str]:
    """Yield what an account shows of its identifiers of a type."""
    members = {"username": "accName", "discord": "discordId", "apiId": "activeApiIds"}
    shown = account.get(members.get(key_type, key_type))
    for one in shown if isinstance(shown, list) else [shown]:
        if text := identifier(one):
            yield text


def _has(account: Account, field: str, text: str) -> bool:
    """Whether an account shows this identifier; a user name may be that of the account or of the member."""
    shown = list(_identifiers(account, field))
    if field == "username":
        shown += [identifier(account.get("comName"))]
    return text.casefold() in (one.strip().casefold() for one in shown)


def _shown(account: Account, fields: Collection[str]) -> dict[str, Any]:
    """Return the fields of an account that shows any; it lists only those that hold something."""
    content = account.get("profileFields")
    pairs = content.get("data") if isinstance(content, dict) else content
    if not isinstance(pairs, list):
        return {}
    held = {identifier(pair.get("id")): pair.get("value") for pair in pairs if isinstance(pair, dict)}
    return {name: or_none(held.get(name)) for name in fields}
