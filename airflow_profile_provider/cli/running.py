"""How a command of ``airflow profiles`` is run: quietly, with all connections, its errors in one line."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, TextIO

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from airflow_profile_provider.errors import ConfigurationError, ProfileError

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.base import ProfileHook

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
_MAPPED = (
    *("key", "key_type", "match", "nulls", "version", "ledger_conn_id"),
    *("changed_fields_only", "ignore_ledger", "mixed_key_types"),
)


def command(run: Callable[[Namespace], int]) -> Callable[[Namespace], None]:
    """Run as a command of Airflow: quiet unless --verbose, errors in one line, all connections."""

    @suppress_logs_and_warning
    @providers_configuration_loaded
    @wraps(run)
    def whole(args: Namespace) -> None:
        problem: str | int = ""
        try:
            with _all_connections():
                problem = run(args)
        except (ProfileError, AirflowNotFoundException) as error:
            problem = f"{error}"
        if problem:
            raise SystemExit(problem)

    return whole


@contextmanager
def _all_connections() -> Iterator[None]:
    """Find connections in Airflow's database, too, as ``airflow connections get`` does.

    A process of its own sees only the environment and the secrets backends, unless it calls itself a server.
    """
    before = os.environ.get(_CONTEXT)
    os.environ[_CONTEXT] = "server"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_CONTEXT]
        else:
            os.environ[_CONTEXT] = before


def hook_of(conn_id: str, conn_type: str | None) -> ProfileHook:
    """Return the hook for a connection to a vendor, of whatever installed provider.

    Raises:
        ConfigurationError: it is not of a vendor's type.
    """
    from airflow_profile_provider.operators.vendors import hook_class_of, vendors_of

    kind = conn_type or BaseHook.get_connection(conn_id).conn_type
    hook_class: Callable[[str], ProfileHook] | None = hook_class_of(kind or "")
    if hook_class is None:
        raise ConfigurationError(
            f"connection {conn_id!r} is of type {kind!r}; --conn-type names the vendor: "
            f"{', '.join(vendors_of())}"
        )
    return hook_class(conn_id)


def options_of(args: Namespace, *more: str) -> dict[str, Any]:
    """Return a push's options from the command line: how rows are mapped, ``more``, and what --option gives.

    Raises:
        ConfigurationError: one of them cannot be read.
    """
    options = {name: getattr(args, name) for name in (*_MAPPED, *more)}
    options["fields"] = _list_or_text(args.fields)
    if isinstance(options["fields"], list):
        options["fields"] = [name.strip() for name in options["fields"] if name.strip()]
    options["null_values"] = _list_or_text(args.null_values)
    return options | further_options(args, options)


def further_options(args: Namespace, flags: Iterable[str]) -> dict[str, Any]:
    """Return what --option gives; ``flags`` are options that have a flag of their own.

    Raises:
        ConfigurationError: one of them cannot be read.
    """
    options: dict[str, Any] = {}
    for given in args.option:
        name, equals, text = given.partition("=")
        if not equals or not name.isidentifier() or name in {*flags, "hook", "wanted", "records", "send"}:
            raise ConfigurationError(f"--option takes name=value of an option without a flag, not {name!r}")
        options[name] = _json_or_text(text)
    return options


def _list_or_text(text: str | None) -> list[str] | str | None:
    """Split a,b,c at its commas; what begins with a bracket the push reads by itself."""
    return text if text is None or text.lstrip().startswith(("{", "[")) else text.split(",")


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def say(text: str, stream: TextIO | None = None) -> None:
    """Print, whatever the terminal cannot show; half of a pair stays the escape that JSON has for it."""
    stream = stream or sys.stdout
    encoding = stream.encoding or "utf-8"
    stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
