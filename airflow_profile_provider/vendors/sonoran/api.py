"""Sonoran CMS: edit the profile fields of community accounts.

Pages: https://docs.sonoransoftware.com/cms/ (Edit Account Profile Fields; API Endpoints v2; Rate Limits),
read 2026-11-21.
Limits: v1 about one request a second, and an hour's block for who exceeds it; v2 22 requests a minute.
Unknown: whether v1 takes several accounts in one request (``batch_size`` is 1 unless set, and an answer that
does not prove the whole batch sends its records singly); what either does with a field id it does not know;
what null does (``clear_with``), and whether a uniqueId is a number or a text (``unique_id``): extras of these
names choose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote, unquote

from airflow_profile_provider.errors import (
    BatchUnproven,
    CredentialRefused,
    PushStopped,
    VendorError,
    WrongHost,
)
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import alike, canonical, read_as, same
from airflow_profile_provider.vendors.base import Access, Taken
from airflow_profile_provider.vendors.comparing import or_none
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, to_json
from airflow_profile_provider.vendors.fields import Catalogue, Field
from airflow_profile_provider.vendors.sonoran.reading import Accounts, message

_CREDENTIAL = ("INVALID API KEY", "INVALID COMMUNITY ID", "NOT ENABLED FOR THIS COMMUNITY")
_WRONG_REQUEST = ("INVALID REQUEST TYPE",)
_NO_ENDPOINT = "Backend Service Reached"
_KINDS = {"text array": "string[]", "select": "string"}
"""Types that are documented; the others take whatever the vendor makes of it."""


class Sonoran(Accounts):
    """Accounts of a Sonoran CMS community, by the v1 batch endpoint or by v2."""

    name = "Sonoran CMS"
    conn_type = "sonoran"
    depends_on = ("api",)
    page = (
        "https://docs.sonoransoftware.com/cms/developer-api-documentation/api-integration/api-endpoints/"
        "edit-account-profile-fields"
    )
    default_host = "https://api.sonorancms.com"
    login_label = "Community ID"
    login_divides = True
    secret_label = "API Key"
    extras = frozenset({"api", "batch_size", *Accounts.readings})
    resource = "accounts"
    vendor_keys: ClassVar = {"accId": r"[0-9a-fA-F-]{32,36}", "uniqueId": r"\d{1,20}"}
    quota: tuple[Rate, ...] = (Rate(1, 1),)
    concurrency = 1
    batch_limit = 1000

    sites: ClassVar[Mapping[str, str]] = {
        "https://staging-api.dev.sonorancms.com": "https://staging.dev.sonorancms.com"
    }
    """Web addresses that are documented, by the API's; there is none for the production API."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self.quota = self.quotas[self.api]
        if self.api == "v2":
            self.batch_limit = 1
        else:
            self.batch_size = int(access.extra.get("batch_size") or 1)

    @property
    def site(self) -> str:
        """Return the web address that belongs to the API's, where that is documented."""
        return self.sites.get(self.access.host, "")

    def credential(self, token: str) -> Mapping[str, str]:
        """Return v2's bearer token; v1 carries the key in the body."""
        return {} if self.api == "v1" else super().credential(token)

    def write(self, known: Field, value: Any) -> Any:
        """Write what a field of a documented type takes: text, or an array of texts."""
        return super().write(known, read_as(known.kind, value))

    def sent_as_they_are(self, name: str, catalogue: Mapping[str, Field]) -> frozenset[type]:
        """Return text: all else is read as the kind of the field."""
        return super().sent_as_they_are(name, catalogue) & {str}

    def clear(self, name: str) -> str | None:
        """Return null, or the empty text, as the connection's ``clear_with`` says."""
        return None if self.reading("clear_with") == "null" else ""

    # -- the exchange -----------------------------------------------------------------------------------

    def steps(self, batch: Sequence[Change]) -> Steps:
        """Send the batch; acknowledged only if the answer holds every field and value that was sent.

        The answer does not say whose a value is. A field that all accounts of the batch share tells: one
        account has it once. Without such a field, the values could all have been one account's already.
        """
        if len(batch) > 1 and not set.intersection(*(set(change.fields) for change in batch)):
            raise BatchUnproven(
                "the accounts have no field in common, so no answer can confirm all of them", lasting=False
            )
        returned = yield self._edit_v2(batch[0]) if self.api == "v2" else self._edit_v1(batch)
        if len(batch) > 1:
            if _unconfirmed([pair for change in batch for pair in change.fields.items()], returned):
                raise BatchUnproven(
                    f"{self.name} answered without every field and value of the batch", lasting=True
                )
            return Acknowledgement()
        held = dict(returned)
        return self.acknowledge(
            {name: _taken(value, held.get(name)) for name, value in batch[0].fields.items()},
            {name: or_none(held.get(name)) for name in batch[0].fields},
        )

    def _edit_v1(self, batch: Sequence[Change]) -> Request:
        accounts = [
            {
                change.key_type: self._identifier(change.key_type, change.key),
                "profileFields": [{"id": name, "value": value} for name, value in change.fields.items()],
            }
            for change in batch
        ]
        # The type is spelt so by the vendor.
        return self._v1("edit_acc_profile_fields", "EDIT_ACC_PROFLIE_FIELDS", self._read_pairs, accounts)

    def _edit_v2(self, change: Change) -> Request:
        body = {"profileFields": [{"id": name, "value": value} for name, value in change.fields.items()]}
        path = f"/v2/community/accounts/{quote(change.key, safe='')}/profile-fields"
        return Request("PATCH", path, lambda answer: self._read_own_pairs(change, answer), to_json(body))

    def _read_pairs(self, answer: Answer) -> list[tuple[str, Any]]:
        """Read the fields that the answer confirms, or raise what it says instead."""
        if answer.status >= 400:
            raise self._refused(answer)
        found = answer.parsed if self.api == "v1" else answer.members.get("data")
        if self.api == "v2" and answer.members.get("success") is not True:
            found = None
        if not isinstance(found, list) or not all(
            isinstance(item, dict) and isinstance(item.get("id"), str | int) for item in found
        ):
            raise self.unexpected(answer)
        return [(str(item["id"]), item.get("value")) for item in found]

    def _read_own_pairs(self, change: Change, answer: Answer) -> list[tuple[str, Any]]:
        """Do the same for v2, whose answer says in ``meta.path`` which account it is about."""
        found = self._read_pairs(answer)
        meta = answer.members.get("meta")
        path = str(meta.get("path") or "") if isinstance(meta, dict) else ""
        account = unquote(path.partition("/accounts/")[2].partition("/")[0])
        if account and self.profile_of("accId", account) != self.profile_of("accId", change.key):
            raise self.refusal(answer, "its answer is about another account")
        return found

    def read_failure(self, answer: Answer) -> VendorError | PushStopped | None:
        """Find the credential and the wrong path behind statuses that name neither."""
        if answer.status == 200 and answer.text.strip('"').endswith(_NO_ENDPOINT):
            return WrongHost(f'{self.name} answered "{_NO_ENDPOINT}": the path is wrong, check the host')
        if answer.status in {400, 403, 404}:
            text = message(answer).upper()
            if any(words in text for words in _CREDENTIAL):
                return CredentialRefused(
                    f"{self.name} answered {answer.status}: check the connection's {self.login_label} and "
                    f"{self.secret_label}, and that the API is enabled for the community"
                )
            if any(words in text for words in _WRONG_REQUEST):
                return WrongHost(f"{self.name} does not know this type of request: check the host")
        return super().read_failure(answer)

    # -- reads ------------------------------------------------------------------------------------------

    def catalogue_request(self) -> Request:
        """Return the request for the community's profile fields."""
        if self.api == "v2":
            return Request("GET", "/v2/community/profile-fields", self._read_catalogue)
        return self._v1("get_profile_fields", "GET_PROFILE_FIELDS", self._read_catalogue)

    def _read_catalogue(self, answer: Answer) -> Catalogue:
        """Read which field ids there are, and of which type, where that is documented."""
        found = answer.parsed if self.api == "v1" else answer.members.get("data")
        if answer.status != 200 or not isinstance(found, list):
            return Catalogue()
        return Catalogue(
            {
                item["id"]: _field(item)
                for item in found
                if isinstance(item, dict) and isinstance(item.get("id"), str)
            }
        )

    def probe(self) -> Probe:
        """Ask for the subscription (v1) or the community (v2); neither proves the right to write."""
        if self.api == "v2":
            found: str = yield Request("GET", "/v2/community", self._read_community)
        else:
            found = yield self._v1("get_sub_version", "GET_SUB_VERSION", self._read_subscription, [])
        return found

    def _read_community(self, answer: Answer) -> str:
        community = answer.members.get("data", answer.members)
        if answer.status < 400 and isinstance(community, dict) and community.get("id"):
            return f"connected to community {community['id']}"
        raise self._refused(answer) if answer.status >= 400 else self.unexpected(answer)

    def _read_subscription(self, answer: Answer) -> str:
        if answer.status < 400 and answer.text.strip('"')[:1].isdigit():
            return "connected to the community"
        raise self._refused(answer) if answer.status >= 400 else self.unexpected(answer)


def _field(item: Mapping[str, Any]) -> Field:
    """Read one definition; a select takes what it offers."""
    kind, offered = str(item.get("type") or "").strip().lower(), item.get("options")
    options = tuple(one for one in offered if isinstance(one, str)) if isinstance(offered, list) else ()
    return Field(
        _KINDS.get(kind, "any"),
        label=str(item.get("label") or ""),
        type=kind,
        choices=frozenset(options if kind == "select" else ()),
        options=tuple((one, one) for one in options),
    )


def _taken(sent: Any, held: Any) -> Taken:
    """Say what an answer for one account makes of a value; one that was cleared may be missing."""
    if same(sent, held):
        return ""
    return "other" if alike(sent, held) else "ignored"


def _unconfirmed(sent: Iterable[tuple[str, Any]], returned: Iterable[tuple[str, Any]]) -> bool:
    """Whether some field of a batch did not come back as it was sent.

    A field counts as often as it was sent, because an answer does not say whose it is. A cleared field must
    be missing, or empty: the vendor lists what holds something. 5, 5.0 and "5" are one.
    """
    cleared: set[str] = set()
    try:
        held = Counter((name, canonical(value)) for name, value in returned)
    except RecursionError:  # nested as nothing that was sent is
        return True
    for name, value in sent:
        if value in (None, "", []):
            cleared.add(name)
        elif held[name, canonical(value)]:
            held[name, canonical(value)] -= 1
        else:
            return True
    nothing: tuple[Any, ...] = (None, "", [])
    empty = {canonical(value) for value in nothing}
    return any(number and name in cleared and form not in empty for (name, form), number in held.items())
