"""``airflow profiles``: what Airflow's command line is told of our commands, and nothing that is heavy.

Airflow reads this for every one of its own commands, so that each of ours is imported when it is run. See
https://airflow.apache.org/docs/apache-airflow-providers/core-extensions/cli-commands.html.
"""

from __future__ import annotations

from typing import Any

from airflow.cli.cli_config import (
    ARG_OUTPUT,
    ARG_VERBOSE,
    ActionCommand,
    Arg,
    CLICommand,
    GroupCommand,
    lazy_load_command,
)


def _arg(*flags: str, **options: Any) -> Arg:
    return Arg(flags, **options)  # type: ignore[no-untyped-call]


_LEDGER = _arg(
    "--ledger-conn-id", required=True, metavar="CONN_ID", help="Connection of the ledger's database"
)
_TARGET = _arg(
    "--conn-id",
    metavar="CONN_ID",
    help="The vendor's connection (or type:id); all by default, or the only one that the ledger knows",
)
_KEY = _arg("key", nargs="?", metavar="KEY", help="The vendor's identifier of the profile")
_ALL = _arg("--all", action="store_true", help="All keys of the target")

_VENDOR = (
    _arg("--conn-id", required=True, metavar="CONN_ID", help="The vendor's connection"),
    _arg("--conn-type", metavar="TYPE", help="The vendor, where the connection is of another type"),
)
_SOURCE = (
    _arg("--records", metavar="PATH", help="Path or URI of a file, or of a folder of files"),
    _arg("--sql", metavar="QUERY", help="A query instead of a file"),
    _arg("--sql-conn-id", metavar="CONN_ID", help="Connection that the query is sent through"),
)
_KEY_TYPE = _arg("--key-type", metavar="NAME", help="Which of the vendor's identifiers the key is")
_OPTION = _arg(
    "--option",
    action="append",
    default=[],
    metavar="NAME=VALUE",
    help="Another option of the push (mode, write, csv, relationships, …), the value as JSON or text",
)
_A_LEDGER = _arg("--ledger-conn-id", metavar="CONN_ID", help="Connection of the ledger's database")
_MAPPING = (
    _arg("--key", metavar="COLUMN", help="Column of the key; without --fields, rows are changes already"),
    _arg("--fields", metavar="FIELDS", help='Columns as a,b,c, or JSON: {"vendor field": "column"}'),
    _KEY_TYPE,
    _arg(
        "--match",
        metavar="MATCH",
        help='With keys of your own: how the vendor\'s profile is found, as JSON: {"vendor field": "column"}',
    ),
    _arg("--nulls", choices=("clear", "skip", "invalid"), help="What null means"),
    _arg(
        "--null-values",
        metavar="WORDS",
        help=r"Texts that stand for null in a CSV file, as a,b or a JSON array: '\N,NULL'",
    ),
    _arg("--version", metavar="COLUMN", help="Column that orders the changes of a key"),
    _OPTION,
    _A_LEDGER,
    _arg("--changed-fields-only", action="store_true", help="As the push's option"),
    _arg("--ignore-ledger", action="store_true", help="As the push's option"),
    _arg("--mixed-key-types", action="store_true", help="As the push's option"),
)
_ONE_KEY = (
    _arg("wanted", metavar="KEY", help="The vendor's identifier of the profile"),
    *_VENDOR,
    *_SOURCE,
    *_MAPPING,
)
_SHOWN = (
    _arg("--redact", action="store_true", help="Hide profile values, e.g. to show the output to others"),
    _arg("-o", "--output", choices=("text", "json"), default="text", help="text (default) or json"),
    ARG_VERBOSE,
)

_REPLAY = ActionCommand(
    name="replay",
    help="Push again what a push did not deliver",
    description=(
        "Push again what rejects files hold, in the order in which they are named; later files win. Give "
        "the options that the push had: its ledger, its nulls and, where a file holds rows of the source, "
        "--key and --fields. The report is printed; the exit status is 0 only if all of it was delivered. "
        "What was not is written to a new rejects file. The files that were replayed stay: delete them "
        "afterwards."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.replay.replay"),
    args=(
        _arg("rejects", nargs="+", metavar="REJECTS", help="Rejects file, folder of such files, or pattern"),
        *_VENDOR,
        *_MAPPING,
        _arg(
            "--rejects-path",
            metavar="FILE",
            help="Where to write what is not delivered; by default a new file beside the last one read",
        ),
        _arg("--dry-run", action="store_true", help="Say what would be sent, and send nothing"),
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_EXPLAIN = ActionCommand(
    name="explain",
    help="Say what a push would do with one key, and why",
    description=(
        "Say what a push with the same options would do with one key: its rows in the source, the change "
        "that they ask for, what the ledger knows, and the requests, without credentials. Profile values are "
        "shown; --redact hides them. Nothing is sent and nothing written down, unless --send is given: then "
        "the key alone is pushed, as a push would, and the answers are shown."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.commands.explain"),
    args=(
        *_ONE_KEY,
        _arg("--send", action="store_true", help="Push this key, and show the answers"),
        *_SHOWN,
    ),
)

_AUDIT = ActionCommand(
    name="audit",
    help="Compare a source with what the vendor holds, record by record",
    description=(
        'Read what the vendor holds of the records of a source, and compare, as a push with action="audit" '
        "does. Nothing is sent. With a ledger, what differs is put in doubt, and the next push sends it. The "
        "report is printed; the exit status is 0 only if all records were compared, and no more differ than "
        "--max-drifted allows."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.audit.audit"),
    args=(
        *_VENDOR,
        *_SOURCE,
        *_MAPPING,
        _arg("--audit-path", metavar="FILE", help="Where to write a line for each record that differs"),
        _arg("--audit-values", action="store_true", help="Put the values into it, too"),
        _arg(
            "--max-drifted",
            metavar="NUMBER",
            help='How many records may differ or be missing: a count, or a share such as "1%%"',
        ),
        ARG_OUTPUT,
        ARG_VERBOSE,
    ),
)

_SHOW = ActionCommand(
    name="show",
    help="Show one profile as the vendor holds it, beside the source and the ledger",
    description=(
        "Read one profile from the vendor, and print it field by field, beside what the source asks for and "
        "what the ledger remembers as acknowledged, where they are named. Without a source, --fields names "
        "the fields to show; all that the vendor tells by default. Profile values are shown; --redact hides "
        "them. "
        "Nothing is written anywhere. The exit status is 1 if the vendor has no such profile."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.commands.show"),
    args=(*_ONE_KEY, *_SHOWN),
)

_FIELDS = ActionCommand(
    name="fields",
    help="List the profile fields that a vendor has",
    description=(
        "List the profile fields of a vendor's account: id, label, type, options, whether they are read-only "
        "or required, as its documentation and its own catalogue have them. A push may name a field by its "
        "label where no other field has it."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.commands.fields"),
    args=(*_VENDOR, ARG_OUTPUT, ARG_VERBOSE),
)

_INIT = ActionCommand(
    name="init",
    help="Write a DAG file that pushes a table, with the mapping that it finds",
    description=(
        "Read the names of a table's columns, match them to the vendor's fields (by name or label, whatever "
        "their case, blanks and underscores), and write a DAG file that pushes the table. Nothing is sent, "
        "and no value of the table is written to the file. What cannot be told by its name is left for you "
        "to decide."
    ),
    func=lazy_load_command("airflow_profile_provider.cli.init.init"),
    args=(
        *_VENDOR,
        *_SOURCE,
        _arg("--key", metavar="COLUMN", help="Column of the key, if its name does not tell"),
        _KEY_TYPE,
        _OPTION,
        _A_LEDGER,
        _arg(
            "--rejects-path", metavar="PATH", help="File, or folder with a slash, for what is not delivered"
        ),
        _arg("--dag-id", metavar="NAME", help="The DAG's id; <records>_to_<vendor> by default"),
        _arg(
            "--output",
            metavar="FILE",
            help="The DAG file, or its folder; by default in Airflow's folder of DAGs; - prints it",
        ),
        _arg("--force", action="store_true", help="Replace a file that is there already"),
        ARG_VERBOSE,
    ),
)

_LEDGER_COMMANDS = (
    ActionCommand(
        name="status",
        help="Count what a ledger knows of each target",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_status"),
        args=(_LEDGER, _TARGET, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="rejected",
        help="List the keys that the vendor refused, and which of them are quarantined",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_rejected"),
        args=(_LEDGER, _TARGET, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="absent",
        help="List the keys that are no longer in their source, and whether the vendor was told",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_absent"),
        args=(_LEDGER, _TARGET, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="release",
        help="Forget the refusals of a key, or of all, so that the next run tries again",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_release"),
        args=(_KEY, _ALL, _LEDGER, _TARGET, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="forget",
        help="Delete what the ledger knows of a key, or of all, so that the next run sends it whatever it is",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_forget"),
        args=(
            _KEY,
            _ALL,
            _arg("-y", "--yes", action="store_true", help="Do it; without, say what would be deleted"),
            _LEDGER,
            _TARGET,
            ARG_OUTPUT,
            ARG_VERBOSE,
        ),
    ),
    ActionCommand(
        name="moved",
        help="Say that a target is the same place as ever, though its connection names another address now",
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_moved"),
        args=(_LEDGER, *_VENDOR, ARG_OUTPUT, ARG_VERBOSE),
    ),
    ActionCommand(
        name="migrate",
        help="Make the ledger's tables, or bring them to this version of the package",
        description=(
            "Make the ledger's tables, or bring them to this version of the package. A push does so "
            "by itself where its role may; elsewhere run this as the tables' owner, or what --sql prints."
        ),
        func=lazy_load_command("airflow_profile_provider.cli.commands.ledger_migrate"),
        args=(
            _arg("--sql", action="store_true", help="Print the SQL instead"),
            _LEDGER,
            ARG_OUTPUT,
            ARG_VERBOSE,
        ),
    ),
)


def get_profiles_cli_commands() -> list[CLICommand]:
    """Return the commands that Airflow adds to its own."""
    return [
        GroupCommand(
            name="profiles",
            help="Begin with pushes of profile changes, and look into them",
            subcommands=(
                _INIT,
                _FIELDS,
                _SHOW,
                _EXPLAIN,
                _AUDIT,
                _REPLAY,
                GroupCommand(
                    name="ledger",
                    help="Look at and correct a ledger",
                    subcommands=_LEDGER_COMMANDS,
                ),
            ),
        )
    ]
