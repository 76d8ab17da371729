"""The commands of ``airflow profiles``: what they print is what was asked for, never a credential."""

from __future__ import annotations

import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.utils.cli import suppress_logs_and_warning
from airflow.utils.providers_configuration_loader import providers_configuration_loaded

from airflow_profile_provider.cli.console import formatted
from airflow_profile_provider.cli.text import text_of
from airflow_profile_provider.errors import ConfigurationError, ProfileError
from airflow_profile_provider.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_profile_provider.hooks.base import ProfileHook
    from airflow_profile_provider.ledger.admin import LedgerAdmin, Target

_CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
_FOR_PEOPLE = frozenset({"table", "plain"})


def _command(run: Callable[[Namespace], int]) -> Callable[[Namespace], None]:
    """Run as a command of Airflow: quiet unless --verbose, errors in one line, all connections."""

    @suppress_logs_and_warning
    @providers_configuration_loaded
    @wraps(run)
    def command(args: Namespace) -> None:
        problem: str | int = ""
        try:
            with _all_connections():
                problem = run(args)
        except (ProfileError, AirflowNotFoundException) as error:
            problem = f"{error}"
        if problem:
            raise SystemExit(problem)

    return command


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


# -- explain ----------------------------------------------------------------------------------------------


@_command
def explain(args: Namespace) -> int:
    """Print what a push would do with one key."""
    hook = _hook(args.conn_id, args.conn_type)
    found = hook.explain(args.wanted, args.records, send=args.send, **_options(args))
    shown = found.as_dict(redact=args.redact)
    _print(json.dumps(shown, indent=2, ensure_ascii=False) if args.output == "json" else text_of(shown))
    return int(not found.rows or found.undelivered)


def _hook(conn_id: str, conn_type: str | None) -> ProfileHook:
    """Return the hook for a connection.

    Raises:
        ConfigurationError: it is of no type of ours.
    """
    entries = get_provider_info()["connection-types"]
    classes: dict[str, str] = {entry["connection-type"]: entry["hook-class-name"] for entry in entries}
    kind = conn_type or BaseHook.get_connection(conn_id).conn_type
    if kind not in classes:
        raise ConfigurationError(
            f"connection {conn_id!r} is of type {kind!r}; --conn-type names the vendor: {', '.join(classes)}"
        )
    module, _, name = classes[kind].rpartition(".")
    hook: ProfileHook = getattr(import_module(module), name)(conn_id)
    return hook


def _options(args: Namespace) -> dict[str, Any]:
    """Return a push's options from the command line.

    Raises:
        ConfigurationError: one of them cannot be read.
    """
    named = ("sql", "sql_conn_id", "key", "key_type", "nulls", "version", "ledger_conn_id")
    flags = ("changed_fields_only", "ignore_ledger", "mixed_key_types")
    options = {name: getattr(args, name) for name in (*named, *flags)}
    options["fields"] = _list_or_text(args.fields)
    if isinstance(options["fields"], list):
        options["fields"] = [name.strip() for name in options["fields"] if name.strip()]
    options["null_values"] = _list_or_text(args.null_values)
    for given in args.option:
        name, equals, text = given.partition("=")
        if not equals or not name.isidentifier() or name in {*options, "hook", "wanted", "records", "send"}:
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


# -- ledger -----------------------------------------------------------------------------------------------


@contextmanager
def _ledger(args: Namespace, *, write: bool = False) -> Iterator[LedgerAdmin]:
    """Open the ledger; for writing only where there is one, so that none is made."""
    from airflow_profile_provider.adapters.databases import engine_of
    from airflow_profile_provider.ledger.admin import LedgerAdmin

    store = BaseHook.get_connection(args.ledger_conn_id)
    engine = engine_of(store, create=False)
    try:
        admin = LedgerAdmin(engine)
        if write:
            engine.dispose()
            engine = engine_of(store)
            admin = LedgerAdmin(engine)
        yield admin
    finally:
        engine.dispose()


@_command
def ledger_status(args: Namespace) -> int:
    """Print what is known of each target, in numbers."""
    with _ledger(args) as ledger:
        rows = [target.as_dict() for target in ledger.targets(args.conn_id)]
    if args.output in _FOR_PEOPLE:
        for row in rows:
            row["busy"] = "yes" if row["busy"] else ""
    _print_rows(args, rows, "The ledger knows no target yet.")
    return 0


@_command
def ledger_rejected(args: Namespace) -> int:
    """Print the keys that were refused."""
    with _ledger(args) as ledger:
        rows = [refused.as_dict() for refused in ledger.refused(ledger.targets(args.conn_id))]
    _print_rows(args, rows, "No key is refused.")
    return 0


@_command
def ledger_release(args: Namespace) -> int:
    """Let the next run try again what was refused."""
    _require_one(args)
    with _ledger(args, write=True) as ledger:
        targets = ledger.key_types_of(args.conn_id)
        number = sum(ledger.release(target, args.key) for target in targets)
        return _told(args, targets[0], "released", number)


@_command
def ledger_forget(args: Namespace) -> int:
    """Delete what is known."""
    _require_one(args)
    with _ledger(args, write=args.yes) as ledger:
        targets = ledger.key_types_of(args.conn_id)
        if args.yes:
            number = sum(ledger.forget(target, args.key) for target in targets)
            return _told(args, targets[0], "forgotten", number)
    entries = sum(target.entries for target in targets)
    which = f"the {entries} entries" if args.all else "one entry"
    raise ConfigurationError(
        f"this would delete {which} of {targets[0].target}: the next run sends such records whatever they "
        "hold, and an older version may overwrite a newer one; say --yes"
    )


@_command
def ledger_moved(args: Namespace) -> int:
    """Take the address that a connection names for the one that its target has always had."""
    hook = _hook(args.conn_id, args.conn_type)
    place = hook.vendor_class(hook.settings.access).place
    with _ledger(args, write=True) as ledger:
        target = next(iter(ledger.targets(f"{hook.conn_type}:{args.conn_id}")))
        before = (ledger.address(target) or "").partition(" ")[0] or None
        ledger.move(target, place)
    now = place.partition(" ")[0]
    told = {"target": target.target, "from": before, "to": now}
    _print_one(args, told, f"{target.target}: from {before or 'an address that was not kept'} to {now}")
    return 0


@_command
def ledger_migrate(args: Namespace) -> int:
    """Bring the ledger's tables to this version, or print the SQL that would."""
    from airflow_profile_provider.adapters.databases import engine_of
    from airflow_profile_provider.ledger.migrations import SCHEMA, migrate, script

    engine = engine_of(BaseHook.get_connection(args.ledger_conn_id))
    try:
        if args.sql:
            _print(script(engine).rstrip() or f"-- nothing to do: the ledger is of schema {SCHEMA}")
            return 0
        if not migrate(engine):
            raise ConfigurationError("a push is under way in this ledger; wait until it has ended")
    finally:
        engine.dispose()
    _print_one(args, {"schema": SCHEMA}, f"The ledger is of schema {SCHEMA}.")
    return 0


def _require_one(args: Namespace) -> None:
    if (args.key is None) == (not args.all):
        raise ConfigurationError("name either one KEY or --all")


def _told(args: Namespace, target: Target, done: str, number: int) -> int:
    _print_one(args, {"target": target.target, done: number}, f"{target.target}: {number} {done}")
    return int(number == 0 and not args.all)


def _print_one(args: Namespace, told: dict[str, Any], words: str) -> None:
    """Print one outcome: in words for people, as data for programs."""
    _print(words if args.output in _FOR_PEOPLE else formatted(told, args.output))


def _print_rows(args: Namespace, rows: Sequence[dict[str, Any]], nothing: str) -> None:
    """Print a list as Airflow's own commands do."""
    is_text = args.output in _FOR_PEOPLE
    _print(nothing if is_text and not rows else formatted(rows, args.output))


def _print(text: str) -> None:
    """Print, whatever the terminal cannot show; half of a pair stays the escape that JSON has for it."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
