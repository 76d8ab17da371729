"""How a host is reached: by which proxy, and trusting whom. The connection says it, else the environment.

What a connection says is narrower than the worker's environment, and wins, also where it says "none". Where
it is silent, ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``, ``HTTPS_PROXY``, ``NO_PROXY`` and their like count,
for each host that is asked. .netrc never does.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, Session, exceptions
from requests.utils import get_environ_proxies, select_proxy, should_bypass_proxies
from urllib3.exceptions import HTTPError

from airflow_profile_provider.errors import ConfigurationError

_SCHEMES = frozenset({"http", "https"})
_SOCKS = frozenset({"socks4", "socks4a", "socks5", "socks5h"})
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True)
class Route:
    """How a host is reached. ``proxied_by`` and ``trusted_by`` name what said so, for whoever must fix it."""

    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: bool | str = True
    cert: Any = None
    proxied_by: str = ""
    trusted_by: str = "extra verify"


def route(url: str, session: Session) -> Route:
    """Return the way to a host for a session whose ``verify``, ``cert`` and ``proxies`` the connection gave.

    Raises:
        ConfigurationError: the environment names a proxy or a file that there cannot be.
    """
    scheme = urlsplit(url).scheme
    proxy, proxied_by = _proxy(url, session.proxies)
    verify, trusted_by = session.verify, "extra verify"
    if verify is True and scheme == "https":
        for name in _BUNDLES:
            if path := os.environ.get(name):
                if not Path(path).exists():
                    raise ConfigurationError(f"the environment's {name} names no file: {path!r}")
                verify, trusted_by = path, f"the environment's {name}"
                break
    proxies = {scheme: proxy} if proxy else {}
    return Route(proxies, True if verify is None else verify, session.cert, proxied_by, trusted_by)


def _proxy(url: str, given: Mapping[str, str]) -> tuple[str, str]:
    """Return the proxy for an address, or the empty text, and what named it."""
    if (exempt := given.get("no_proxy")) and should_bypass_proxies(url, no_proxy=exempt):
        return "", ""
    said = {name: address for name, address in given.items() if name != "no_proxy"}
    named = select_proxy(url, said)
    if named is not None:
        return named, "extra proxies" if named else ""
    found = select_proxy(url, get_environ_proxies(url, no_proxy=None))
    if not found:
        return "", ""
    scheme = urlsplit(url).scheme
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    name = next((name for name in names if os.environ.get(name) == found), f"{scheme.upper()}_PROXY")
    if problem := proxy_problem(found):
        raise ConfigurationError(f"the environment's {name}: {problem}")
    return found, f"the environment's {name}"


def address_problem(address: str) -> str:
    """Say why a text is not the address of a vendor, without repeating what may be secret; "" where it is."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "its name or port is none"
    if parts.scheme.lower() not in _SCHEMES:
        return "it starts with neither https:// nor http://"
    if parts.username is not None or parts.password is not None:
        return "a login does not belong there"
    if parts.query or parts.fragment or "?" in address or "#" in address:
        return "it goes on with ? or #"
    if not parts.hostname or port == 0:
        return "its name or port is none"
    if "\\" in address or not address.isprintable() or any(sign.isspace() for sign in address):
        return "it has characters that no address has"
    try:
        parts.hostname.encode("idna")
        PreparedRequest().prepare_url(address, None)
    except (exceptions.RequestException, HTTPError, ValueError):
        return "its name or port is none"
    return ""


def proxy_problem(address: Any) -> str:
    """Say why something is not the address of a proxy, without repeating it; "" where it is."""
    if not isinstance(address, str):
        return "it is no text"
    text = address.strip()
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        known, port = parts.scheme.lower(), parts.port
        PreparedRequest().prepare_url(f"http://{parts.netloc.rpartition('@')[2]}", None)
    except (exceptions.RequestException, HTTPError, ValueError):
        return "it is not an address such as http://proxy.example.com:3128"
    if known in _SOCKS:
        return "" if find_spec("socks") else "PySocks is missing, which SOCKS needs: pip install pysocks"
    if known not in _SCHEMES or not parts.hostname or port == 0 or any(sign.isspace() for sign in text):
        return "it is not an address such as http://proxy.example.com:3128"
    return ""


def speaks_tls(url: str, timeout: float) -> bool:
    """Whether a server that was asked without TLS wants it: nothing is sent but the start of a handshake."""
    parts = urlsplit(url)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((str(parts.hostname), parts.port or 80), timeout) as connection:
            context.wrap_socket(connection, server_hostname=parts.hostname).close()
    except ssl.SSLError as error:
        return "ALERT" in str(error)
    except (OSError, ValueError):
        return False
    return True
