"""Sonoran CMS, from its page "Edit Account Profile Fields" alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .server import Reply, Seen, StandIn

PATH = "/general/edit_acc_profile_fields"
TYPE = "EDIT_ACC_PROFLIE_FIELDS"  # as the page's sample spells it
NOT_LINKED = "API ID NOT LINKED TO AN ACCOUNT IN THIS COMMUNITY"


class Sonoran(StandIn):
    """Accounts by accId. ``also_known`` maps (identifier, value) to an accId.

    ``identifiers``: the page names two; its later editions name five.
    ``unknown_status``: the page lists the same text under 400 and 404.
    ``carries_out_objects``: how many of a request's objects are carried out; the page shows one only.
    ``definitions``: the community's fields, as newer pages show them; without, they cannot be asked for.
    ``texts_as_json``: errors as {"status", "message"} instead of bare text.
    ``reads``: whether the paths that newer pages name for reading accounts are there.
    """

    login = "community-17"
    unknown_status = 404
    carries_out_objects: int | None = None
    texts_as_json = False
    reads = True

    def __init__(self, profiles: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        super().__init__(profiles)
        self.identifiers = ["accId", "apiId"]
        self.definitions: list[dict[str, Any]] = []
        self.also_known: dict[tuple[str, Any], str] = {}

    def is_write(self, request: Seen) -> bool:
        """Whether it is the page's one endpoint."""
        return request.path == PATH

    def keys_of(self, request: Seen) -> list[str]:
        """Every identifier that the request's objects hold."""
        objects = request.json["data"]
        return [str(one[name]) for one in objects for name in self.identifiers if name in one]

    def answer(self, request: Seen) -> Reply:
        """Edit profile fields; a path that does not exist answers 200 with a text."""
        if request.path == "/general/get_profile_fields" and self.definitions:
            return Reply(200, self.definitions)
        if request.path == "/general/get_com_account" and self.reads:
            return self._account(request.json)
        if request.path == "/general/get_accounts" and self.reads:
            return self._accounts(request.json)
        if request.path != PATH or request.method != "POST":
            return Reply(200, "Backend Service Reached")
        body = request.json
        refusal = self._refuse(body)
        if refusal:
            return self._error(400, refusal)
        edits = [(self._find(one), one["profileFields"]) for one in body["data"]]
        if any(account is None for account, _ in edits):
            return self._error(self.unknown_status, NOT_LINKED)
        answered: list[dict[str, Any]] = []
        for account, fields in edits[: self.carries_out_objects]:
            assert account is not None
            self.profiles[account].update((one["id"], one["value"]) for one in fields)
            answered += [{"id": name, "value": value} for name, value in self.profiles[account].items()]
        return Reply(200, answered)

    def _account(self, body: Any) -> Reply:
        """One account, by any identifier."""
        refusal = self._refuse_credential(body)
        if refusal or body.get("type") != "GET_COM_ACCOUNT":
            return self._error(400, refusal or "INVALID REQUEST TYPE")
        found = self._find(body["data"][0])
        if found is None:
            return self._error(400, "NO ACCOUNT FOUND UNDER GIVEN PARAMETERS IN THIS COMMUNITY")
        return Reply(200, self._shown(found))

    def _accounts(self, body: Any) -> Reply:
        """A page of 25 to 100 accounts."""
        refusal = self._refuse_credential(body)
        if refusal or body.get("type") != "GET_ACCOUNTS":
            return self._error(400, refusal or "INVALID REQUEST TYPE")
        asked = body["data"][0]
        skip, take = int(asked["skip"]), min(100, max(25, int(asked["take"])))
        accounts = [self._shown(key) for key in list(self.profiles)[skip : skip + take]]
        return Reply(200, {"total": len(self.profiles), "skip": skip, "take": take, "accounts": accounts})

    def _shown(self, key: str) -> dict[str, Any]:
        own = [{"id": name, "value": value} for name, value in self.profiles[key].items() if value]
        return {"accId": key, "accName": key[-4:], "archived": False, "profileFields": {"data": own}}

    def probe(self, request: Seen) -> Reply | None:
        """The subscription's version, which newer pages offer as a text."""
        if request.path != "/general/get_sub_version":
            return None
        refusal = self._refuse_credential(request.json)
        return self._error(400, refusal) if refusal else Reply(200, "3")

    def _find(self, one: Mapping[str, Any]) -> str | None:
        for name in self.identifiers:
            if name in one:
                found = self.also_known.get((name, str(one[name])))
                return one[name] if name == "accId" and one[name] in self.profiles else found
        return None

    def _refuse_credential(self, body: Any) -> str:
        if not isinstance(body, dict) or body.get("id") != self.login:
            return "INVALID COMMUNITY ID"
        return "" if body.get("key") == self.secret else "INVALID API KEY"

    def _refuse(self, body: Any) -> str:
        wrong = self._refuse_credential(body)
        if wrong:
            return wrong
        if body.get("type") != TYPE:
            return "INVALID REQUEST TYPE"
        objects = body.get("data")
        if not isinstance(objects, list) or not objects:
            return "DATA MUST BE AN ARRAY OF REQUEST OBJECTS"
        if not all(isinstance(one.get("profileFields"), list) and one["profileFields"] for one in objects):
            return "AT LEAST ONE PROFILE FIELD IS REQUIRED"
        shapes = {frozenset(field) for one in objects for field in one["profileFields"]}
        return "" if shapes == {frozenset({"id", "value"})} else "INVALID PROFILE FIELD"

    def _error(self, status: int, text: str) -> Reply:
        return Reply(status, {"status": status, "message": text} if self.texts_as_json else text)
