"""A hook with its connection: settings, one session, one quota, and requests to the vendor's host."""

from __future__ import annotations

import re
import weakref
from functools import cached_property
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException
from airflow.providers.http.hooks.http import HttpHook
from airflow.sdk.log import mask_secret
from requests import Response, Session
from requests.adapters import HTTPAdapter

from airflow_profile_provider.adapters.settings import Settings
from airflow_profile_provider.delivery.quota import Quota
from airflow_profile_provider.delivery.rates import parse_quota
from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.delivery.routes import route
from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import ConfigurationError, ProfileError, RecordRefused
from airflow_profile_provider.hooks.forms import declare_form
from airflow_profile_provider.options import options_of
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Answer, Rate, Request, to_json
from airflow_profile_provider.vendors.fields import FieldInfo

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

_PATH = re.compile(r"/(?![/\\])[^\s\\\x00-\x20\x7f#]*")


class ConnectedHook(HttpHook):
    """The connection of one vendor's account, looked up once, and one pooled session over it."""

    vendor_class: ClassVar[type[Vendor]]
    retry_rule: RetryRule = RetryRule()
    """How often and how long a request is tried."""

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        declare_form(cls)

    def __init__(self, conn_id: str, **http: Any) -> None:
        super().__init__(http_conn_id=conn_id, **http)
        setattr(self, self.conn_name_attr, conn_id)
        self._quotas: dict[tuple[Rate, ...], Quota] = {}

    @cached_property
    def settings(self) -> Settings:
        """The connection, looked up once and checked.

        Raises:
            ConfigurationError: naming every field that is missing or wrong.
        """
        return Settings.of(self.get_connection(self.http_conn_id), self.vendor_class, self.conn_type)

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """Look up a connection.

        Raises:
            ConfigurationError: there is none of this name, or it cannot be read.
        """
        try:
            return super().get_connection(conn_id)
        except AirflowNotFoundException:
            problem = (
                f"there is no connection {conn_id!r}, or it cannot be read: make it, or correct its name, "
                "its JSON or its port"
            )
        except (ValueError, TypeError, AttributeError) as error:  # Airflow's, for what it cannot parse
            problem = (
                f"connection {conn_id!r} cannot be read ({type(error).__name__}): check that it is JSON or a "
                "URI, and that its port is a number"
            )
        raise ConfigurationError(problem)

    @property
    def address(self) -> str:
        """What is pushed to, as the URI of an asset."""
        return self.vendor_class(self.settings.access).address

    @property
    def site(self) -> str:
        """Web address where people find what was pushed; empty where the vendor documents none."""
        return self.vendor_class(self.settings.access).site

    @cached_property
    def session(self) -> Session:
        """The pooled session: no .netrc, no cookies, proxies and certificates of the connection."""
        return self.get_conn()

    def get_conn(
        self, headers: dict[Any, Any] | None = None, extra_options: dict[str, Any] | None = None
    ) -> Session:
        """Make a session for the vendor's host.

        Unlike `HttpHook`'s, no extra of the connection becomes a header, and a default host is https.
        """
        settings = self.settings
        session = _Session()
        session.auth = None
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.verify, session.cert = settings.verify, settings.cert
        session.proxies.update(settings.proxies)
        session.headers.update(headers or {})
        session.trust_env = False  # the environment counts by our own rule, .netrc never
        adapter = self.adapter or self.keep_alive_adapter or HTTPAdapter()
        if self.adapter is None:
            adapter.init_poolmanager(4, max(64, settings.concurrency or 0))
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self.base_url, self._base_url_initialized = settings.access.host, True
        # What `HttpHook.run` sends by: without a time-out it would wait for ever.
        self.merged_extra = {"timeout": settings.timeout, **(extra_options or {})}
        return session

    def vendor(self, **options: Any) -> Vendor:
        """Return the vendor's rules for this connection and these options.

        Raises:
            ConfigurationError: the vendor has no such option or value.
        """
        if self.settings.ignored:
            self.log.warning("Extras that are not known are not used: %s", ", ".join(self.settings.ignored))
        try:
            return self.vendor_class(self.settings.access, **options_of(self.vendor_class, options))
        except TypeError:
            raise ConfigurationError(
                f"{self.vendor_class.name} has no option {', '.join(sorted(options)) or 'here'}"
            ) from None

    def request(self, method: str, path: str, body: Any = None) -> Answer:
        """Send a request that this package does not model, with the vendor's credential, quota and retries.

        Args:
            method: HTTP method.
            path: path at the vendor's host, starting with a slash.
            body: sent as JSON, if any.

        Raises:
            ConfigurationError: the path is none at the vendor's host; nothing was sent.
            Retriable, PushStopped: as in a push. Other answers are returned, whatever their status.
        """
        if not re.fullmatch(r"[A-Za-z]{1,20}", str(method)):
            raise ConfigurationError("method must be one of HTTP's, such as GET")
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise ConfigurationError(
                "path must start with one slash and have no blanks: it is a path at the connection's host"
            )
        try:
            content = None if body is None else to_json(body)
        except (ValueError, TypeError, RecursionError):
            raise ConfigurationError("body cannot be written as JSON") from None
        answer: Answer = self._transport(self.vendor(), None).send(
            Request(method.upper(), path, lambda answer: answer, content)
        )
        return answer

    def fields(self) -> list[FieldInfo]:
        """Return all that is known of the vendor's profile fields: its documentation, and its own catalogue.

        Raises:
            ConfigurationError: the connection is wrong.
            Retriable, PushStopped: as in a push.
        """
        vendor = self.vendor()
        return list(self._transport(vendor, None).drive(vendor.tell_fields()))

    def check_response(self, response: Response) -> None:
        """Raise for what `HttpHook.run` got, without logging a body that may hold profiles."""
        if not response.ok:
            raise AirflowException(f"{self.hook_name} answered {response.status_code}")

    def test_connection(self) -> tuple[bool, str]:
        """Prove host and credential without side effects; never raises."""
        try:
            vendor = self.vendor()
            transport = self._transport(vendor, "none", RetryRule(attempts=2, longest=10, retry_after_cap=2))
            return True, f"{vendor.name}: {transport.drive(vendor.probe())}"
        except RecordRefused as error:
            hint = ": there is no such address at that host; check the host and its path"
            host = self.settings.access.host
            return False, f"{host} answered 404{hint}" if error.status == 404 else str(error)
        except ProfileError as error:
            return False, str(error)
        except Exception as error:  # noqa: BLE001 -- whatever it is, the form must show it
            return False, f"{type(error).__name__} while testing the connection"

    def _transport(
        self,
        vendor: Vendor,
        quota: str | None,
        retry: RetryRule | None = None,
        **collaborators: Any,
    ) -> Transport:
        return Transport(
            self.session,
            vendor,
            self._quota(vendor, quota),
            timeout=self.settings.timeout,
            retry=retry or self.retry_rule,
            mask=mask_secret,
            **collaborators,
        )

    def _quota(self, vendor: Vendor, quota: str | None) -> Quota:
        """Return the quota that all pushes of this hook keep to, if they keep to the same rates."""
        given = self.settings.quota if quota is None else parse_quota(quota)
        rates = vendor.quota if given is None else given
        return self._quotas.get(rates) or self._new_quota(rates, vendor.quota)

    def _new_quota(self, rates: tuple[Rate, ...], published: tuple[Rate, ...]) -> Quota:
        """Make a quota, in the shared store if there is one."""
        store = self.settings.quota_conn_id
        permits = None
        if store and rates:
            from airflow_profile_provider.adapters.quota_stores import shared_permits

            target = f"{self.conn_type}:{self.http_conn_id}"
            permits = shared_permits(self.get_connection(store), target, rates)
        quota = self._quotas[rates] = Quota(rates, permits=permits, published=published)
        if permits:
            weakref.finalize(self, permits.close)
        return quota


class _Session(Session):
    """Finds the way to each host by our own rule, also where `HttpHook` sends."""

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        way = route(str(url), self)
        found = {"proxies": dict(way.proxies), "stream": bool(stream), "verify": way.verify, "cert": way.cert}
        given = {"proxies": proxies, "verify": verify, "cert": cert}
        # `HttpHook` hands in what the session has, which the way has heeded already.
        own = {name: value for name, value in given.items() if value in (None, {}, getattr(self, name))}
        return found | {name: value for name, value in given.items() if name not in own}
