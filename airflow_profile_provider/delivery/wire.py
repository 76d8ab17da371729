"""The place that does HTTP: sends a request once, and reads the answer or explains that there is none."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from urllib.parse import urlsplit

import requests
from requests import exceptions
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError

from airflow_profile_provider import __version__
from airflow_profile_provider.delivery.bounds import Exchange, Halt, Overlong, read_body, under_way
from airflow_profile_provider.delivery.connections import bound
from airflow_profile_provider.delivery.failures import Address, Diagnosis
from airflow_profile_provider.delivery.routes import Route, route
from airflow_profile_provider.errors import ConfigurationError, Unanswered
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Request

WHOLE = 4
"""How many time-outs a whole answer may take, if it comes without a silence as long as one."""
_HEADERS = {"User-Agent": f"airflow-profile-provider/{__version__}", "Accept-Encoding": "gzip, deflate"}


class _Unheard(logging.Filter):
    """Keeps urllib3 from logging our requests' paths, which can hold keys that are values."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not getattr(_sending, "now", False)


_sending = threading.local()
for _logger in ("connectionpool", "connection", "response"):
    logging.getLogger(f"urllib3.{_logger}").addFilter(_Unheard())


@dataclass(frozen=True, slots=True)
class Observed:
    """One request as it was sent, its credential included, and its answer, or the problem in its place."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    answer: Answer | None = None
    problem: str = ""


Observer = Callable[[Observed], object]


class Wire:
    """Sends a vendor's requests over one session, each once, from any number of threads.

    ``session`` is ready to use (proxies, TLS, pool); ``timeout`` is in seconds; ``observer`` is told of every
    request that was sent.
    """

    def __init__(
        self,
        session: requests.Session,
        vendor: Vendor,
        halt: Halt,
        *,
        timeout: float,
        observer: Observer | None = None,
    ) -> None:
        self._session = session
        self._vendor = vendor
        self._halt = halt
        self._timeout = timeout
        self._observer = observer
        self._diagnosis = Diagnosis(vendor.name, timeout, halt)
        self._headers = {**_HEADERS, **vendor.headers()}
        # Proxies and certificates, looked up once for each host that is asked.
        asked = [Request("GET", "/", lambda answer: None), vendor.token_request()]
        bases = [_base(vendor, each) for each in asked if each]
        self._routes: Mapping[str, Route] = {base: route(base, session) for base in bases}
        for adapter in session.adapters.values():
            bound(adapter)

    def exchange(self, request: Request, token: str, left: float) -> Answer:
        """Send a request, with ``left`` seconds or one time-out to go, and read the answer to its end.

        Raises:
            Retriable: no answer; `Unanswered` if the request may have arrived.
            WrongHost, ConfigurationError: it will never be answered.
        """
        _sending.now = True
        whole = min(WHOLE * self._timeout, max(left, self._timeout))
        exchange = Exchange(whole, self._timeout, self._halt)
        base = _base(self._vendor, request)
        address = Address(base, self._routes[base], request.named_by)
        prepared: requests.PreparedRequest | None = None
        try:
            with under_way(exchange):
                prepared = self._prepare(request, token)
                answer = self._sent(prepared, address.route)
        except (exceptions.RequestException, HTTPError, HTTPException, OSError, UnicodeError) as error:
            failure = self._diagnosis.of(error, exchange, address)
        except Overlong as error:
            self._diagnosis.reached(address, answered=False)
            failure = Unanswered(f"{self._vendor.name} {error}")
        else:
            self._diagnosis.reached(address, answered=True)
            self._tell(prepared, answer)
            return answer
        finally:
            _sending.now = False
        self._tell(prepared, problem=str(failure))
        # Raised out here, so that the original, whose text can hold the address with its key, is not chained.
        raise failure

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

    def _sent(self, prepared: requests.PreparedRequest, way: Route) -> Answer:
        response = self._session.get_adapter(str(prepared.url)).send(
            prepared,
            stream=True,
            timeout=self._timeout,
            verify=way.verify,
            cert=way.cert,
            proxies=dict(way.proxies),
        )
        content = read_body(response.raw)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, content)

    def _tell(
        self, sent: requests.PreparedRequest | None, answer: Answer | None = None, problem: str = ""
    ) -> None:
        """Tell the observer, if there is one, of what was sent."""
        if self._observer and sent:
            headers = {name: str(value) for name, value in sent.headers.items()}
            body = sent.body if isinstance(sent.body, bytes) else None
            self._observer(Observed(str(sent.method), str(sent.url), headers, body, answer, problem))


def _base(vendor: Vendor, request: Request) -> str:
    """Return the address that a request goes to, without its path; only a public one may go elsewhere."""
    if not request.public:
        path = request.path
        if path[:1] != "/" or path[:2] in {"//", "/\\"}:
            raise ConfigurationError("a path starts with one slash: it is one at the connection's host")
        return vendor.access.host
    parts = urlsplit(request.path)
    return f"{parts.scheme}://{parts.netloc}"
