"""The only place that does HTTP: credential, quota, send, read, retry; nothing secret in an error."""

from __future__ import annotations

import logging
import math
import re
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import requests
import tenacity
from requests import exceptions
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from airflow_profile_provider import __version__
from airflow_profile_provider.delivery.bounds import Exchange, Overlong, bound, read_body, under_way
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.routes import Route, route, speaks_tls
from airflow_profile_provider.errors import (
    ConfigurationError,
    CredentialRefused,
    MassFailure,
    NoAnswer,
    PushStopped,
    Retriable,
    Throttled,
    Unanswered,
    VendorError,
    WrongHost,
)
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Request, Token, allowance

T = TypeVar("T")


class _Unheard(logging.Filter):
    """Keeps urllib3 from logging our requests' paths, which can hold keys that are values."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not getattr(_sending, "now", False)


_sending = threading.local()
for _logger in ("connectionpool", "connection", "response"):
    logging.getLogger(f"urllib3.{_logger}").addFilter(_Unheard())

_log = logging.getLogger(__name__)
_HEADERS = {"User-Agent": f"airflow-profile-provider/{__version__}", "Accept-Encoding": "gzip, deflate"}


LONGEST_WISH = 86_400.0
"""Seconds of the longest Retry-After that is taken for meant."""
WHOLE = 4
"""How many time-outs a whole answer may take, if it comes without a silence as long as one."""


@dataclass(frozen=True)
class RetryRule:
    """When to give up on a request, and how long to wait in between; times in seconds.

    ``attempts`` counts all sends; ``longest`` bounds one request with its waits. Waits grow from
    ``first_wait`` to ``longest_wait``, with jitter. A Retry-After is waited out up to ``retry_after_cap``; a
    longer one ends the push, whose `after` says when to come back.
    """

    attempts: int = 5
    longest: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 30.0
    retry_after_cap: float = 60.0


@dataclass
class Cost:
    """What a push cost so far: HTTP requests, those that were repeats, and seconds of waiting for quota."""

    requests: int = 0
    retries: int = 0
    throttled: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, *, requests: int = 0, retries: int = 0, throttled: float = 0.0) -> None:
        """Add to the counts, from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.throttled += throttled


class _Here(threading.local):
    """What a thread knows of the request that it sends: when it was sent, and until when it may take."""

    sent_at = 0.0
    until = math.inf
    left = False


@dataclass(slots=True)
class Fate:
    """What is not known of a delivery: ``unsure`` where an attempt of it may still reach the vendor."""

    unsure: bool = False

    def learn(self, error: Retriable) -> None:
        """Learn how an attempt failed."""
        self.unsure = self.unsure or isinstance(error, NoAnswer)


@dataclass(frozen=True, slots=True)
class Observed:
    """One request as it was sent, its credential included, and its answer, or the problem in its place."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    answer: Answer | None = None
    problem: str = ""


class Transport:
    """Sends a vendor's requests over one session, from any number of threads.

    ``session`` is ready to use (proxies, TLS, pool); ``timeout`` is in seconds; ``mask`` is told every token
    that is issued, so that logs hide it; ``observer`` is told of every request that was sent. Setting
    ``halt`` ends every exchange before its next request.
    """

    def __init__(
        self,
        session: requests.Session,
        vendor: Vendor,
        quota: Quota,
        *,
        timeout: float = 30.0,
        retry: RetryRule | None = None,
        mask: Callable[[str], object] = lambda secret: None,
        observer: Callable[[Observed], object] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cost = Cost()
        self._halt: PushStopped | None = None
        self._greeting: set[Exchange] = set()
        """Exchanges whose connection is still being made."""
        self.forbidden: Callable[[], PushStopped | None] = lambda: None
        """Asked before each request: why nothing more may be sent, if so."""
        self._session = session
        self._vendor = vendor
        self.quota = quota
        self._timeout = timeout
        self._observer = observer
        self._rule = retry or RetryRule()
        self._sleep = sleep
        self._clock = clock
        self._tokens = _Tokens(vendor.token_request(), self._fetch_token, mask, clock)
        self._headers = {**_HEADERS, **vendor.headers()}
        # Proxies and certificates, looked up once for each host that is asked.
        asked = [Request("GET", "/", lambda answer: None), vendor.token_request()]
        self._ways = {_base(vendor, each): route(_base(vendor, each), session) for each in asked if each}
        self._reached: set[str] = set()
        """The addresses where somebody was there; those in `_answered` have answered in HTTP, too."""
        self._answered: set[str] = set()
        self._here = _Here()
        for adapter in session.adapters.values():
            bound(adapter)
        self.silent = 0
        """How many requests in a row got no usable answer."""

    @property
    def halt(self) -> PushStopped | None:
        """Why nothing more is sent, if so. To set it ends connections that are still being made."""
        return self._halt

    @halt.setter
    def halt(self, reason: PushStopped | None) -> None:
        self._halt = reason
        if reason:
            for exchange in tuple(self._greeting):
                exchange.give_up()

    @property
    def left(self) -> bool:
        """Whether a request left the machine in this thread's last `drive`: its records may have arrived."""
        return self._here.left

    def drive(self, steps: Generator[Request, Any, T], fate: Fate | None = None) -> T:
        """Run a vendor's generator to its end: send what it yields, give it what was read.

        ``fate`` learns what may still be under way, whatever comes of it.

        Raises:
            VendorError: what the vendor made of an answer, or silence after all retries.
            PushStopped: nothing more can get through.
        """
        self._here.left = False
        try:
            request, begun, wrote = next(steps), False, False
            while True:
                try:
                    found = self.send(request, anyhow=begun, fate=fate)
                except PushStopped as stopped:
                    if wrote and stopped is self.halt:
                        raise Unanswered(
                            f"the push stopped between the requests of a record: {stopped}"
                        ) from None
                    raise
                except VendorError as error:
                    wrote = wrote or request.method != "GET"
                    request, begun = steps.throw(error), True
                else:
                    wrote = wrote or request.method != "GET"
                    request, begun = steps.send(found), True
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]

    def send(self, request: Request, *, anyhow: bool = False, fate: Fate | None = None) -> Any:
        """Send a request until its answer can be read, and return what was read.

        One that ends what others began waits for its permit ``anyhow``, however long that is. ``fate`` learns
        whether an attempt may still be under way.
        """
        fate = Fate() if fate is None or request.method == "GET" else fate
        name = self._vendor.idempotency_header
        if not name or request.method == "GET":
            return self._sent(request, anyhow, fate)
        before = fate.unsure
        request = replace(request, headers={**request.headers, name: uuid4().hex})
        found = self._sent(request, anyhow, fate)
        fate.unsure = before  # an attempt that comes late does nothing: the vendor knows its key
        return found

    def _sent(self, request: Request, anyhow: bool, fate: Fate) -> Any:
        self._here.until = math.inf
        try:
            return self.send_once(request, anyhow=anyhow)
        except Retriable as error:
            fate.learn(error)
            if not _may_repeat(request, error):
                raise
            first: Retriable = error
            reason: PushStopped
        self._here.until = self._here.sent_at + self._rule.longest
        try:
            return self._repeat(request, first, anyhow, fate)
        except _Unreached as error:
            reason = WrongHost(f"{error}: check {error.where}")
        except _NoToken as error:
            reason = MassFailure(f"no token could be had: {error}")
            reason.after = error.after
        raise reason

    def send_once(self, request: Request, *, anyhow: bool = False, repeat: bool = False) -> Any:
        """Send a request without retries and read the answer; counts how many got none in a row."""
        try:
            found = self._ask(request, anyhow, repeat=repeat)
        except Retriable as error:
            self.silent += 1
            if error.after is not None:
                self._obey(error.after)
            raise
        except VendorError:
            self.silent = 0
            raise
        self.silent = 0
        return found

    def _repeat(self, request: Request, error: Retriable, anyhow: bool, fate: Fate) -> Any:
        """Go on after a first send that failed with error."""
        rule = self._rule
        backoff = tenacity.wait_exponential(rule.first_wait, rule.longest_wait) + tenacity.wait_random(
            0, rule.first_wait
        )

        def pause(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            return self._pause(error, backoff(state))

        retrying = tenacity.Retrying(
            stop=self._given_up,
            wait=pause,
            retry=tenacity.retry_if_exception(lambda error: _may_repeat(request, error) and not self.halt),
            sleep=self._nap,
            reraise=True,
        )
        for attempt in retrying:
            with attempt:
                if attempt.retry_state.attempt_number == 1 or self.halt:
                    raise error  # the first send has been; and a push that stops says what it knows
                try:
                    return self._send_again(request, anyhow)
                except Retriable as again:
                    fate.learn(again)
                    raise
                except PushStopped as stopped:
                    if stopped is not self.halt:
                        raise
                raise error  # it was sent before the push stopped
        raise error  # not reached: tenacity raises the last error itself

    def _given_up(self, state: tenacity.RetryCallState) -> bool:
        """Whether it was the last attempt, or the next would begin after all that the request may take."""
        late = self._clock() + state.upcoming_sleep >= self._here.until
        return late or state.attempt_number >= self._rule.attempts

    def _send_again(self, request: Request, anyhow: bool) -> Any:
        """Send a request once more, built anew where time may have made it untrue."""
        if request.renewal:
            found = self.send_once(request.renewal.look, anyhow=anyhow)
            request = replace(request.renewal.build(found), headers=request.headers)
        return self.send_once(request, anyhow=anyhow, repeat=True)

    def _nap(self, seconds: float) -> None:
        """Sleep in slices, to notice that the push is stopped."""
        while seconds > 0 and not self.halt:
            self._sleep(min(seconds, 1.0))
            seconds -= 1.0

    def _pause(self, error: BaseException | None, backoff: float) -> float:
        """Return the seconds to wait here; a wait that the vendor asked for holds every request instead."""
        after = error.after if isinstance(error, Retriable) else None
        if after is not None:
            return 0.0
        if not isinstance(error, Throttled):
            return backoff
        self.quota.hold(min(backoff, self._rule.retry_after_cap))
        return 0.0

    def _obey(self, after: float) -> None:
        """Hold every request for as long as the vendor asked; what nobody can mean counts as the cap.

        A wait above the cap is not slept through: the next permit that is asked for ends the push.
        """
        cap = self._rule.retry_after_cap
        if after > LONGEST_WISH:
            _log.warning("The vendor asked for a wait of %g s, which nobody can mean: it is %g s", after, cap)
            after = cap
        self.quota.hold(after)

    def _ask(self, request: Request, anyhow: bool, *, repeat: bool = False, renewed: bool = False) -> Any:
        token, answer = self._permitted(request, anyhow, repeat)
        failure = self._vendor.read_failure(answer)
        if isinstance(failure, CredentialRefused) and not renewed and self._tokens.discard(token):
            return self._ask(request, anyhow, repeat=True, renewed=True)
        if failure:
            raise failure
        return request.read(answer)

    def _permitted(self, request: Request, anyhow: bool, repeat: bool) -> tuple[str, Answer]:
        """Wait for a permit, send with a token that is good at that moment; return both."""
        begun = self._clock()
        most = self._rule.retry_after_cap
        waited = self.quota.acquire(lambda: self.halt, anyhow=anyhow, most=most)
        self.cost.add(throttled=waited)
        begun += waited  # when the permit was asked for: it counts from then on
        try:
            self.halt = self.halt or self.forbidden()
            if self.halt:
                raise self.halt
            token = self._tokens.current()
            if self.halt:  # asked to end while the token was fetched
                raise self.halt
            self.cost.add(requests=1, retries=int(repeat))
            answer = self._noting_departure(request, token)
            self.quota.heard(allowance(answer), refused=answer.status == 429, most=most)
            return token, answer
        finally:
            self.quota.release(self._clock() - begun)

    def _noting_departure(self, request: Request, token: str) -> Answer:
        """Send a request, and note whether it left the machine."""
        before, self._here.left = self.left, True
        try:
            return self._http(request, token)
        except (Retriable, WrongHost, ConfigurationError) as error:
            self._here.left = before or isinstance(error, Unanswered)
            raise

    def _fetch_token(self, request: Request) -> Token:
        """Ask for a token, outside the quota; the request that needs it is what is tried again."""
        self.cost.add(requests=1)
        try:
            answer = self._http(request, "")
            failure = self._vendor.read_failure(answer)
            if isinstance(failure, Retriable):
                with suppress(VendorError):
                    request.read(answer)  # a refused credential is one, whatever the status
                raise failure
            if isinstance(failure, WrongHost) and request.named_by != "host":
                failure = WrongHost(f"{failure}; the address is that of extra {request.named_by}")
            if failure:
                raise failure
            token: Token = request.read(answer)
        except _Unreached:
            raise
        except Retriable as error:
            unsent = _NoToken(str(error), error.detail, after=error.after)
        else:
            return token
        raise unsent

    def _http(self, request: Request, token: str) -> Answer:
        _sending.now = True
        now = self._here.sent_at = self._clock()
        whole = min(WHOLE * self._timeout, max(self._here.until - now, self._timeout))
        exchange = Exchange(whole, self._timeout, lambda: self._halt, self._greeting)
        base = _base(self._vendor, request)
        way = self._ways[base]
        prepared: requests.PreparedRequest | None = None
        try:
            with under_way(exchange):
                prepared = self._prepare(request, token)
                response = self._session.get_adapter(str(prepared.url)).send(
                    prepared,
                    stream=True,
                    timeout=self._timeout,
                    verify=way.verify,
                    cert=way.cert,
                    proxies=dict(way.proxies),
                )
                content = read_body(response.raw)
        except (exceptions.RequestException, HTTPError, HTTPException, OSError, UnicodeError) as error:
            failure = self._failure(error, exchange, request, base, way)
        except Overlong as error:
            self._reached.add(base)
            failure = Unanswered(f"{self._vendor.name} {error}")
        else:
            self._reached.add(base)
            self._answered.add(base)
            headers = {name.lower(): value for name, value in response.headers.items()}
            answer = Answer(response.status_code, headers, content)
            self._tell(prepared, answer)
            return answer
        finally:
            _sending.now = False
        self._tell(prepared, problem=str(failure))
        # Raised out here, so that the original, whose text can hold the address with its key, is not chained.
        raise failure

    def _tell(
        self, sent: requests.PreparedRequest | None, answer: Answer | None = None, problem: str = ""
    ) -> None:
        """Tell the observer, if there is one, of what was sent."""
        if self._observer and sent:
            headers = {name: str(value) for name, value in sent.headers.items()}
            body = sent.body if isinstance(sent.body, bytes) else None
            self._observer(Observed(str(sent.method), str(sent.url), headers, body, answer, problem))

    def _prepare(self, request: Request, token: str) -> requests.PreparedRequest:
        """Build the request by hand.

        The session's own steps are left out: they would follow redirects, keep cookies, and put what
        .netrc holds in the credential's place.
        """
        prepared = requests.PreparedRequest()
        prepared.method = request.method
        whole = request.path if request.public else self._vendor.access.host + request.path
        prepared.prepare_url(whole, None)
        credential = {} if request.public else self._vendor.credential(token)
        prepared.headers = CaseInsensitiveDict({**self._headers, **credential, **request.headers})
        prepared.body = request.body
        if request.body is not None or request.method != "GET":
            prepared.headers["Content-Length"] = str(len(request.body or b""))
        return prepared

    def _failure(
        self, error: Exception, exchange: Exchange, request: Request, base: str, way: Route
    ) -> Exception:
        """Say what it means that no answer came, and where to look: host, token address, proxy, CA."""
        name = self._vendor.name
        where = "host and port" if request.named_by == "host" else request.named_by
        where = f"the connection's {where}"
        if isinstance(error, exceptions.InvalidProxyURL | exceptions.InvalidSchema) and way.proxied_by:
            return ConfigurationError(f"{way.proxied_by}: it names no proxy that can be used")
        if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | UnicodeError):
            return ConfigurationError(f"{base!r} is not an address: correct {where}")
        if isinstance(error, OSError) and type(error) in (OSError, FileNotFoundError, PermissionError):
            return ConfigurationError(f"{way.trusted_by} or extra cert: its file cannot be read any more")
        if isinstance(error, exceptions.ProxyError) and not exchange.problem:
            return self._proxy_failure(error, base, way, where)
        cause = error.args[0] if error.args else None
        reason = cause.reason if isinstance(cause, MaxRetryError) else cause
        unreached = isinstance(reason, NewConnectionError) or isinstance(error, exceptions.ConnectTimeout)
        if unreached and not exchange.problem:
            # Not sent at all (a name that cannot be resolved included), so even a create may be repeated.
            return self._unreached(f"{name} cannot be reached at {base}", base, where)
        if isinstance(error, exceptions.SSLError) and (wrong := _tls_failure(str(error), base, where, way)):
            return wrong
        is_plain = base.startswith("http://") and base not in self._answered and not way.proxies
        first = base not in self._reached
        self._reached.add(base)
        if is_plain and first and not self.halt and speaks_tls(base, min(self._timeout, 3.0)):
            return WrongHost(f"{base} speaks TLS: write https:// in {where}")
        if exchange.problem:
            return NoAnswer(f"{name} {exchange.problem}")
        if isinstance(error, exceptions.Timeout):
            return NoAnswer(f"{name} did not answer within {self._timeout:g} s")
        hint = ""
        if isinstance(error, exceptions.SSLError) and base not in self._answered and not way.cert:
            hint = "; perhaps it wants a client certificate (extra cert)"
        return NoAnswer(
            f"{name}: the connection broke before the answer was complete ({type(error).__name__}){hint}"
        )

    def _unreached(self, what: str, base: str, where: str) -> Retriable:
        """Return the error for a request that went nowhere."""
        return Retriable(what) if base in self._reached else _Unreached(what, where)

    def _proxy_failure(self, error: Exception, base: str, way: Route, where: str) -> Exception:
        """Say what a proxy's refusal means, or that it is not there."""
        cause = error.args[0] if error.args else None
        reason = cause.reason if isinstance(cause, MaxRetryError) else cause
        said = re.search(r"Tunnel connection failed: (\d{3})", str(getattr(reason, "original_error", "")))
        proxy = f"the proxy of {way.proxied_by}"
        if said is None:
            return self._unreached(f"{proxy} cannot be reached", base, way.proxied_by)
        if said[1] == "407":
            return WrongHost(f"{proxy} answered 407: put its login into its address")
        if said[1].startswith("5") or said[1] in {"404", "408", "429"}:
            both = f"{where}, and {way.proxied_by}"
            return self._unreached(f"{proxy} cannot reach {base} ({said[1]})", base, both)
        return WrongHost(f"{proxy} refuses to connect to {base} ({said[1]}): check {where}")


class _Unreached(Retriable):
    """Nobody was there, and never has been; ``where`` is what to check."""

    def __init__(self, reason: str, where: str) -> None:
        super().__init__(reason)
        self.where = where


class _NoToken(Retriable):
    """The token endpoint gave no token this time."""


_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
_TLS_REFUSED = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE", "UNKNOWN_CA", "BAD_CERTIFICATE", "ALERT_ACCESS")


def _tls_failure(text: str, base: str, where: str, way: Route) -> Exception | None:
    """Say what is wrong with TLS for good, if it is."""
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return WrongHost(f"the certificate of {base} is not trusted: check {where} and {way.trusted_by}")
    if any(name in text for name in _TLS_REFUSED):
        return WrongHost(f"{base} refused the TLS connection: check {where} and extra cert")
    if any(name in text for name in _NO_TLS):
        return WrongHost(f"{base} does not speak TLS: check {where}; is it http://?")
    return None


def _base(vendor: Vendor, request: Request) -> str:
    """Return the address that a request goes to, without its path; only a public one may go elsewhere."""
    if not request.public:
        path = request.path
        if path[:1] != "/" or path[:2] in {"//", "/\\"}:
            raise ConfigurationError("a path starts with one slash: it is one at the connection's host")
        return vendor.access.host
    parts = urlsplit(request.path)
    return f"{parts.scheme}://{parts.netloc}"


def _may_repeat(request: Request, error: BaseException) -> bool:
    """Whether sending again cannot do anything twice that must happen once."""
    return isinstance(error, Retriable) and (request.repeatable or not isinstance(error, Unanswered))


class _Tokens:
    """The access token, fetched when first needed and renewed before it expires; shared by threads."""

    def __init__(
        self,
        request: Request | None,
        fetch: Callable[[Request], Token],
        mask: Callable[[str], object],
        clock: Callable[[], float],
    ) -> None:
        self._request = request
        self._fetch = fetch
        self._mask = mask
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def current(self) -> str:
        """Return a token that is still good; the empty text where the vendor issues none."""
        if self._request is None:
            return ""
        with self._lock:
            if not self._token or self._clock() >= self._renew_at:
                token = self._fetch(self._request)
                self._mask(token.value)
                self._token = token.value
                self._renew_at = self._clock() + token.lifetime - min(60.0, token.lifetime / 10)
            return self._token

    def discard(self, token: str) -> bool:
        """Forget a token that was refused, so that the next request fetches another; False where none is."""
        if self._request is None:
            return False
        with self._lock:
            if self._token == token:
                self._token = ""
        return True
