"""The socket that every vendor plugs into: facts as attributes, rules as pure methods.

A vendor's module knows one API and does no I/O. What must go over the wire it yields as `Request` from a
generator (`Vendor.steps`), each with the pure function that reads its answer, and gets what that function
returned sent back in; the transport drives the generator, and adds quota, retries and credentials. So a
vendor that needs a read before its write, or several requests for one record, writes them down one after
the other.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from airflow_profile_provider.errors import (
    CredentialRefused,
    InvalidRecord,
    NoAnswer,
    PushStopped,
    RecordRefused,
    Throttled,
    Unanswered,
    VendorError,
    WrongHost,
)
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Acknowledgement, Change
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.exchange import Answer, Probe, Rate, Request, Steps, retry_after
from airflow_profile_provider.vendors.reads import Reads
from airflow_profile_provider.vendors.writes import Writes

Taken = Literal["", "other", "ignored"]
"""What an answer makes of a value that was sent: it holds it, another form of it, or something else."""


@dataclass(frozen=True, slots=True)
class Access:
    """A connection's own part: where the vendor is and who we are. Never shown in a repr."""

    host: str
    login: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Vendor(Writes, Reads, ABC):
    """All that is known of one vendor's API. Subclasses hold facts and pure methods, nothing else."""

    name: ClassVar[str]
    """The vendor's name as people write it."""
    conn_type: ClassVar[str]
    """Airflow's connection type, equal to the module's name."""
    page: ClassVar[str]
    """Address of the page that documents the update."""
    default_host: ClassVar[str] = ""
    """Base address; empty where each customer has a host of its own."""
    host_label: ClassVar[str] = "API address"
    """What the vendor calls the host."""
    login_label: ClassVar[str] = ""
    """What the vendor calls the connection's login; empty where there is none."""
    login_divides: ClassVar[bool] = False
    """Whether another login at the same host means other profiles: it names whose they are."""
    secret_label: ClassVar[str]
    """What the vendor calls the connection's password."""
    extras: ClassVar[frozenset[str]] = frozenset()
    """Connection extras that only this vendor has."""
    address_extras: ClassVar[frozenset[str]] = frozenset()
    """Those of them that are addresses, and checked as such."""
    readings: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Extras that choose between readings of what the vendor leaves open; the first is the default."""
    about_reads: ClassVar[frozenset[str]] = frozenset()
    """Those of them on which nothing depends that a record is to hold: what they change is the way there."""
    resource: ClassVar[str] = "profiles"
    """What the vendor calls what it keeps; the last part of its name as an asset."""
    key_types: ClassVar[tuple[str, ...]]
    """Identifiers of a profile; the first is the default."""
    vendor_keys: ClassVar[Mapping[str, str]]
    """Identifiers that the vendor makes up, each with their shape as a regular expression."""
    relationship_writes: ClassVar[bool] = False
    """Whether changes may carry relationships."""
    nulls: ClassVar[str] = "invalid"
    """What null means by default: "clear" only where the vendor documents clearing."""
    quota: tuple[Rate, ...] = ()
    """Published limits, or a polite default where none are."""
    quota_published: ClassVar[bool] = True
    """Whether the vendor published them."""
    concurrency: ClassVar[int] = 4
    """Requests in flight by default."""
    batch_size: int = 1
    """Records in one request by default."""
    batch_limit: int = 1
    """Most records that a request can carry."""
    depends_on: ClassVar[tuple[str, ...]] = ()
    """Attributes that change what is sent for the same record."""
    partial: bool = True
    """Whether an update is known to leave alone what it does not name."""
    makes_missing: bool = False
    """Whether an update makes a profile that is not there."""
    makes_unseen: bool = False
    """Whether nobody learns that one was made: then all of a change is sent, never a part of it."""
    requests_per_batch: int = 1
    """Requests that deliver a batch, usually; for the estimate before the start."""
    reads_first: bool = False
    """Whether `steps` reads a profile before it writes, and heeds `Change.if_empty` by itself."""
    idempotency_header: ClassVar[str] = ""
    """Header for a random value that is fresh for each intended request and reused for its retries."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._chosen = {
            name: require_choice(
                f"the connection's {name}", _chosen(access.extra.get(name), options), options
            )
            for name, options in self.readings.items()
        }

    @property
    def address(self) -> str:
        """Name what is pushed to as a URI, such as ``<connection type>://api.example.com/profiles``."""
        return f"{self.conn_type}://{self._host}/{self.resource}"

    @property
    def place(self) -> str:
        """Tell the profiles that are pushed to from others: by the host, and a hash of what divides it."""
        if not self.login_divides:
            return self._host
        return f"{self._host} {blake2b(self.access.login.encode(), digest_size=8).hexdigest()}"

    @property
    def _host(self) -> str:
        """The host with port and path, as people know it."""
        host = urlsplit(self.access.host)
        standard = {"https": ":443", "http": ":80"}[host.scheme]
        return f"{host.netloc.lower().removesuffix(standard)}{host.path}"

    @property
    def site(self) -> str:
        """Web address where people find what was pushed; empty where the vendor documents none."""
        return ""

    @property
    def shape(self) -> str:
        """What the request for a record depends on beside the record."""
        chosen = "".join(
            f" {name}={self.reading(name)}"
            for name, usual in self.readings.items()
            if name not in self.about_reads and self.reading(name) != usual[0]
        )
        return f"{self.conn_type} {[getattr(self, name) for name in self.depends_on]}{chosen}"

    def reading(self, name: str) -> str:
        """Return which of the `readings` the connection chooses; what the vendor documents, by default."""
        return self._chosen[name]

    def is_vendor_key(self, change: Change) -> bool:
        """Whether the vendor made this key up, so that it may stand in a log: an e-mail address may not."""
        shape = self.vendor_keys.get(change.key_type)
        return shape is not None and re.fullmatch(shape, change.key) is not None

    def profile_of(self, key_type: str, key: str) -> str:
        """Return what stands for all spellings of a key that the vendor may take for one profile.

        None documents that case, blanks around a key or the way in which Unicode writes a letter tell two
        profiles apart, or that leading zeros do so in a number which the vendor made up itself.
        """
        return folded(key, number=key_type in self.vendor_keys)

    @property
    def usable_key_types(self) -> tuple[str, ...]:
        """Return the identifiers that this connection can use."""
        return self.key_types

    # -- before sending ---------------------------------------------------------------------------------

    def check_match(self, match: Mapping[str, str] | None) -> None:
        """Raise ConfigurationError where what the push is to do needs a ``match``, or bears none."""

    def check_key_type(self, key_type: str) -> None:
        """Raise ConfigurationError where no change that names its profile so can be sent."""
        require_choice("key_type", key_type, self.usable_key_types)

    def check_change(self, change: Change) -> None:
        """Raise InvalidRecord for what is wrong with the change as a whole."""
        if not change.fields and not change.relationships:
            raise InvalidRecord("there are no fields to send; name at least one")

    def checks_names_alone(self, names: Collection[str], key_type: str) -> bool:
        """Whether `check_change` looks at the names of these fields alone, not at their values or at the key.

        Then one change speaks for all others. A vendor's module that has a `check_change` of its own is not
        asked unless it has this method, too: see `speaks_for`.
        """
        return True

    # -- the exchange -----------------------------------------------------------------------------------

    @abstractmethod
    def steps(self, batch: Sequence[Change]) -> Steps:
        """Yield the requests that deliver batch, take what was read, and return the acknowledgement.

        Raises:
            RecordRefused: the vendor refuses a record of the batch.
            BatchUnproven: the answer does not cover every record.
            Retriable: the answer is none of this API's.
            PushStopped: no record can get through.
        """

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every request but the credential's."""
        return {"Accept": "application/json", "Content-Type": "application/json"}

    def credential(self, token: str) -> Mapping[str, str]:
        """Return the header that carries the credential; token is empty unless the vendor issues tokens."""
        return {"Authorization": f"Bearer {token or self.access.secret}"}

    def token_request(self) -> Request | None:
        """Return the request whose answer is read as a `Token`, where the vendor issues them."""
        return None

    @abstractmethod
    def probe(self) -> Probe:
        """Yield requests without side effects that prove the connection, and return what they proved."""

    # -- reading answers --------------------------------------------------------------------------------

    def acknowledge(
        self, found: Mapping[str, Taken], held: Mapping[str, Any] | None = None
    ) -> Acknowledgement:
        """Acknowledge a record that came back, by what the answer makes of each field that was sent.

        ``held`` has the values that came back, as `Held` has them.

        Raises:
            RecordRefused: the vendor ignored some of them.
        """
        if ignored := [name for name, taken in found.items() if taken == "ignored"]:
            refused = RecordRefused(
                f"{self.name} answered 200, but {', '.join(ignored)} was ignored by the vendor: "
                "its answer has another value"
            )
            if held and held.keys() >= set(ignored):
                refused.ignored = {name: held[name] for name in ignored}
            raise refused
        other = [name for name, taken in found.items() if taken == "other"]
        return Acknowledgement(
            warning=f"{self.name} returned another value for {', '.join(other)}" if other else "",
            answered={name: held[name] for name in other if name in held} if held else {},
        )

    def read_failure(self, answer: Answer) -> VendorError | PushStopped | None:
        """Say what is wrong with an answer that no vendor's rule has to look at, or None.

        Redirects are a wrong host, 401 is the credential, 408, 425, 429 and 5xx are tried again.
        """
        if 300 <= answer.status < 400:
            secure = answer.headers.get("location", "").lower().startswith("https://")
            hint = "; is it https://?" if secure and self.access.host.startswith("http://") else ""
            return WrongHost(
                f"{self.name} answered {answer.status}, a redirect: check the connection's host{hint}"
            )
        if answer.status == 407:
            return WrongHost("the proxy answered 407: put its login into extra proxies")
        if answer.status == 400 and b"plain HTTP request was sent to HTTPS" in answer.content:
            return WrongHost(f"{self.access.host} speaks TLS: write https:// in the connection's host")
        if answer.status == 401:
            return CredentialRefused(f"{self.name} answered 401: check the connection's {self.secret_label}")
        if answer.status == 429:
            return Throttled(f"{self.name} answered 429: too many requests", after=retry_after(answer))
        if answer.status in {408, 425} or answer.status >= 500:
            kind = NoAnswer if answer.status in {408, 502, 504} else Unanswered  # what a gateway says
            return kind(f"{self.name} answered {answer.status}", after=retry_after(answer))
        return None

    def refusal(self, answer: Answer, what: str = "", detail: str = "") -> RecordRefused:
        """Return the refusal of a record; ``what`` must be free of values, ``detail`` need not."""
        hints = {403: "no permission for this", 404: "no such profile"}
        hint = what or hints.get(answer.status, "")
        reason = f"{self.name} answered {answer.status}" + (f" ({hint})" if hint else "")
        refused = RecordRefused(reason, detail or answer.text[:500])
        refused.status = answer.status
        refused.nobody = answer.status in {404, 410}
        return refused

    def unexpected(self, answer: Answer) -> Unanswered:
        """Return the error for a success that is not this API's: a proxy's page, a cut or empty body."""
        kind = answer.headers.get("content-type", "no content type").split(";")[0]
        return Unanswered(
            f"{self.name} answered {answer.status} with a body that its API never sends "
            f"({len(answer.content)} bytes, {kind}): check the host, and any proxy before it"
        )

    strange = unexpected
    """Its old name, for vendors that were written outside the package."""


def _chosen(value: Any, options: Sequence[str]) -> str:
    """Return the reading that an extra chooses, written in whatever case."""
    text = str(value if value is not None else "").strip() or options[0]
    alike = (option for option in options if option.lower() == text.lower())
    return text if text in options else next(alike, text)
