"""The commands of ``airflow profiles``: what they print is what was asked for, never a credential."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from inspect import signature
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_profile_provider.cli.console import formatted
from airflow_profile_provider.cli.running import command, hook_of, options_of, say
from airflow_profile_provider.cli.text import profile_text, text_of
from airflow_profile_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow_profile_provider.ledger.admin import LedgerAdmin, Target
    from airflow_profile_provider.vendors.fields import FieldInfo

_FOR_PEOPLE = frozenset({"table", "plain"})


# -- explain ----------------------------------------------------------------------------------------------


@command
def explain(args: Namespace) -> int:
    """Print what a push would do with one key."""
    hook = hook_of(args.conn_id, args.conn_type)
    options = _looking(args, hook.explain, hook.hook_name)
    found = hook.explain(args.wanted, args.records, send=args.send, **options)
    shown = found.as_dict(redact=args.redact)
    say(json.dumps(shown, indent=2, ensure_ascii=False) if args.output == "json" else text_of(shown))
    return int(not found.rows or found.undelivered)


def _looking(args: Namespace, method: Callable[..., Any], name: str) -> dict[str, Any]:
    """Return the options for a method that looks at one key, all of which it must know."""
    options = options_of(args, "sql", "sql_conn_id")
    known = signature(method).parameters.values()
    if not any(each.kind is each.VAR_KEYWORD for each in known):
        for option in options.keys() - {each.name for each in known}:
            raise ConfigurationError(f"{name} has no option {option}")
    return options


# -- show -------------------------------------------------------------------------------------------------


@command
def show(args: Namespace) -> int:
    """Print what the vendor holds of one profile."""
    hook = hook_of(args.conn_id, args.conn_type)
    options = _looking(args, hook.show, hook.hook_name)
    found = hook.show(args.wanted, args.records, **options)
    shown = found.as_dict(redact=args.redact)
    say(json.dumps(shown, indent=2, ensure_ascii=False) if args.output == "json" else profile_text(shown))
    return int(not found.found)


# -- fields -----------------------------------------------------------------------------------------------


@command
def fields(args: Namespace) -> int:
    """Print the vendor's profile fields."""
    hook = hook_of(args.conn_id, args.conn_type)
    is_text = args.output in _FOR_PEOPLE
    rows = [_field_row(each) if is_text else asdict(each) for each in hook.fields()]
    _print_rows(args, rows, f"{hook.hook_name} tells no fields: it takes whatever its site has.")
    return 0


def _field_row(info: FieldInfo) -> dict[str, Any]:
    """Return a field as a row of a table."""
    options = [key if label in {"", key} else f"{key} ({label})" for key, label in info.options.items()]
    flags = {"read_only": info.read_only, "required": info.required}
    row = {"id": info.id, "label": info.label, "type": info.type, "options": ", ".join(options)}
    return row | {name: "yes" if flag else "" for name, flag in flags.items()}


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


@command
def ledger_status(args: Namespace) -> int:
    """Print what is known of each target, in numbers."""
    with _ledger(args) as ledger:
        rows = [target.as_dict() for target in ledger.targets(args.conn_id)]
    if args.output in _FOR_PEOPLE:
        for row in rows:
            row["busy"] = "yes" if row["busy"] else ""
    _print_rows(args, rows, "The ledger knows no target yet.")
    return 0


@command
def ledger_rejected(args: Namespace) -> int:
    """Print the keys that were refused."""
    with _ledger(args) as ledger:
        rows = [refused.as_dict() for refused in ledger.refused(ledger.targets(args.conn_id))]
    _print_rows(args, rows, "No key is refused.")
    return 0


@command
def ledger_absent(args: Namespace) -> int:
    """Print the keys that are no longer in their source."""
    with _ledger(args) as ledger:
        rows = [absent.as_dict() for absent in ledger.absent(ledger.targets(args.conn_id))]
    if args.output in _FOR_PEOPLE:
        for row in rows:
            row["told"] = "yes" if row["told"] else ""
    _print_rows(args, rows, "No key is absent.")
    return 0


@command
def ledger_release(args: Namespace) -> int:
    """Let the next run try again what was refused."""
    _require_one(args)
    with _ledger(args, write=True) as ledger:
        targets = ledger.key_types_of(args.conn_id)
        number = sum(ledger.release(target, args.key) for target in targets)
        return _told(args, targets[0], "released", number)


@command
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


@command
def ledger_moved(args: Namespace) -> int:
    """Take the address that a connection names for the one that its target has always had."""
    hook = hook_of(args.conn_id, args.conn_type)
    place = hook.vendor_class(hook.settings.access).place
    with _ledger(args, write=True) as ledger:
        target = next(iter(ledger.targets(f"{hook.conn_type}:{args.conn_id}")))
        before = (ledger.address(target) or "").partition(" ")[0] or None
        ledger.move(target, place)
    now = place.partition(" ")[0]
    told = {"target": target.target, "from": before, "to": now}
    _print_one(args, told, f"{target.target}: from {before or 'an address that was not kept'} to {now}")
    return 0


@command
def ledger_migrate(args: Namespace) -> int:
    """Bring the ledger's tables to this version, or print the SQL that would."""
    from airflow_profile_provider.adapters.databases import engine_of
    from airflow_profile_provider.ledger.migrations import migrate, script
    from airflow_profile_provider.ledger.schema import SCHEMA

    engine = engine_of(BaseHook.get_connection(args.ledger_conn_id))
    try:
        if args.sql:
            say(script(engine).rstrip() or f"-- nothing to do: the ledger is of schema {SCHEMA}")
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
    say(words if args.output in _FOR_PEOPLE else formatted(told, args.output))


def _print_rows(args: Namespace, rows: Sequence[dict[str, Any]], nothing: str) -> None:
    """Print a list as Airflow's own commands do."""
    is_text = args.output in _FOR_PEOPLE
    say(nothing if is_text and not rows else formatted(rows, args.output))
