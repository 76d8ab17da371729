"""``airflow profiles init``: a DAG file for one push, with the mapping that names tell."""

from __future__ import annotations

import re
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.configuration import AIRFLOW_HOME, conf

from airflow_profile_provider.cli.dag_file import DagFile
from airflow_profile_provider.cli.matching import Match, match
from airflow_profile_provider.cli.running import command, further_options, hook_of, say
from airflow_profile_provider.cli.text import plain
from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.operators.vendors import operator_of
from airflow_profile_provider.push.options import EXPLAINED, OPTION_NAMES

if TYPE_CHECKING:
    from airflow_profile_provider.explain.first_look import FirstLook
    from airflow_profile_provider.hooks.base import ProfileHook

_FLAGS = ("sql", "sql_conn_id", "key", "key_type", "fields", "nulls", "rejects_path", "ledger_conn_id")
_REASONS = 5
"""So many reasons are told why the first rows would not be sent."""


@command
def init(args: Namespace) -> int:
    """Write a DAG file that pushes a source to a vendor, and say what was matched."""
    hook = hook_of(args.conn_id, args.conn_type)
    further = further_options(args, _FLAGS)
    dag_id = _dag_id(args, hook)
    path = _path(args, dag_id)
    args.sql = _query(args.sql)
    reading = {name: further[name] for name in further if name in EXPLAINED or name not in OPTION_NAMES}
    look = hook.first_look(args.records, sql=args.sql, sql_conn_id=args.sql_conn_id, **reading)
    found = None if look.holds_changes else match(look, args.key, args.key_type)
    for line in _told(look, found, hook):
        say(plain(line), sys.stderr if path is None else None)
    if found and not found.fields:
        raise ConfigurationError(
            f"no column is named like a field of {look.vendor.name}, so no DAG was written: rename columns, "
            "such as by --sql with `as`"
        )
    text = _file(args, hook, found, further).text()
    if path is None:
        sys.stdout.write(text)
        return 0
    _save(path, text, force=args.force)
    folder = Path(conf.get_mandatory_value("core", "dags_folder"))
    is_found = path.resolve().is_relative_to(folder.resolve())
    say(f"Wrote {plain(str(path))}. It sends nothing before it is run{':' if is_found else '.'}")
    if not is_found:
        say(f"Copy it to Airflow's DAGs first, such as to {plain(str(folder))}:")
    say(f"    airflow dags test {dag_id}")
    return 0


def _query(given: str | None) -> str | None:
    """Return a query, out of a file where one is named.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if given is None or not given.strip().endswith(".sql"):
        return given
    try:
        return Path(given.strip()).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{given.strip()} cannot be read ({type(error).__name__})") from None


# -- what was found ---------------------------------------------------------------------------------------


def _told(look: FirstLook, found: Match | None, hook: ProfileHook) -> Iterator[str]:
    """Say what was matched with what; columns are named, and no value is."""
    yield f"{look.vendor.name} ({hook.conn_type}:{hook.http_conn_id})"
    if look.unanswered:
        yield f"It did not tell its fields, so only documented ones are matched: {look.unanswered}"
    if found is None:
        yield "Each record is a change already, with key and fields: there is nothing to match."
        return
    width = max(map(len, (found.key_type, *found.fields)))
    yield f"  {found.key_type:{width}}  <-  {found.key}  (the key)"
    for name, column in found.fields.items():
        label = f"  ({found.labels[name]})" if name in found.labels else ""
        yield f"  {name:{width}}  <-  {column}{label}"
    if not found.told:
        yield f"{look.vendor.name} does not tell its fields: check that each of these is one."
    if found.left:
        yield "Columns that are not in the mapping:"
    for left in found.left:
        near = f"; perhaps {', '.join(map(found.labelled, left.perhaps))}" if left.perhaps else ""
        yield f"  {left.column}: {left.why}{near}"
    if found.unfilled:
        yield f"Fields without a column: {', '.join(map(found.labelled, found.unfilled))}"
    if found.fields:
        yield from _tried(look, found)


def _tried(look: FirstLook, found: Match) -> Iterator[str]:
    """Say how many of the first rows could be sent, and why the others could not: reasons hold no value."""
    mapping = FieldMapping(key=found.key, fields=found.fields, key_type=found.key_type, nulls="skip")
    mapper = Mapper(look.vendor, mapping, learn=lambda: look.catalogue)
    reasons: Counter[str] = Counter()
    for row in look.rows:
        try:
            mapper.change(row)
        except InvalidRecord as error:
            reasons[str(error)] += 1
    number = len(look.rows)
    yield f"Of the first {number} rows, {number - reasons.total()} could be sent."
    for reason, count in reasons.most_common(_REASONS):
        yield f"  {count} not: {reason}"


# -- what is written --------------------------------------------------------------------------------------


def _file(args: Namespace, hook: ProfileHook, found: Match | None, further: Mapping[str, Any]) -> DagFile:
    argument = f"{hook.conn_type}_conn_id"
    source = {"sql": args.sql, "sql_conn_id": args.sql_conn_id, "records": _absolute(args.records)}
    return DagFile(
        dag_id=_dag_id(args, hook),
        what="the rows of a query" if args.sql else _stem(args.records),
        vendor=hook.vendor_class.name,
        operator=operator_of(hook.conn_type),
        conn_id=(argument, args.conn_id),
        source={name: value for name, value in source.items() if value is not None},
        mapping=found,
        rejects_path=args.rejects_path or _rejects_path(args.records),
        key_types=hook.vendor_class.key_types,
        ledger_conn_id=args.ledger_conn_id,
        rest=further,
    )


def _dag_id(args: Namespace, hook: ProfileHook) -> str:
    if args.dag_id is None:
        return f"{_stem(args.records)}_to_{hook.conn_type}"
    if not re.fullmatch(r"[\w.-]{1,250}", args.dag_id):
        raise ConfigurationError(
            f"--dag-id {args.dag_id!r}: use letters, digits, underscores, dots and hyphens alone"
        )
    return str(args.dag_id)


def _stem(records: str | None) -> str:
    """Name what is pushed, by its file or folder."""
    name = re.split(r"[*?\[]", records or "")[0].rstrip("/").rpartition("/")[2].partition(".")[0]
    return re.sub(r"\W+", "_", name).strip("_") or "profiles"


def _absolute(records: str | None) -> str | None:
    """Return where the records are, whatever folder a worker is started in."""
    if records is None or "://" in records:
        return records
    return str(Path(records).absolute()) + ("/" if records.endswith("/") else "")


def _rejects_path(records: str | None) -> str:
    """Return a folder for rejects beside the records, and never among them."""
    if records is None:
        return f"{AIRFLOW_HOME}/rejects/"
    path = str(_absolute(records))
    base = re.split(r"[*?\[]", path)[0]
    is_pattern = base != path
    folder = base.rstrip("/") if not is_pattern else base.rpartition("/")[0]
    return f"{folder.rpartition('/')[0]}/rejects/"


def _path(args: Namespace, dag_id: str) -> Path | None:
    """Return where the DAG goes: a file, a folder, or the folder of DAGs; None: to standard output.

    Raises:
        ConfigurationError: a file lies there already.
    """
    if args.output == "-":
        return None
    path = Path(args.output or conf.get_mandatory_value("core", "dags_folder")).absolute()
    if not args.output or path.is_dir() or args.output.endswith("/"):
        path /= f"{dag_id}.py"
    if path.exists() and not args.force:
        raise ConfigurationError(f"{path} is there already: name another one with --output, or say --force")
    return path


def _save(path: Path, text: str, *, force: bool) -> None:
    """Write the file; one that has appeared meanwhile is not touched.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written ({error.strerror})") from None
