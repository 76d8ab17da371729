"""The options of a push, read and checked at once, before anything is opened or sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, get_args

from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.options import HISTORY_DAYS, require_choice

if TYPE_CHECKING:
    from airflow_profile_provider.mapping.field_mapping import ColumnsOf, FieldMapping
    from airflow_profile_provider.push.leavers import AbsentOptions
    from airflow_profile_provider.sources.csv_format import CsvFormat
    from airflow_profile_provider.vendors.base import Vendor

MAX_RECORD_BYTES = 1_000_000

_EXACT = frozenset({"sql", "key", "version", "only_key"})
"""Texts whose blanks may mean something."""


@dataclass(frozen=True, kw_only=True)
class PushOptions:
    """What `ProfileHook.push` was asked for, in the types that it needs."""

    sql: str | None = None
    sql_conn_id: str | None = None
    parameters: Mapping[str, Any] | tuple[Any, ...] | None = field(default=None, repr=False)
    key: str | None = None
    fields: Mapping[str, Any] | Sequence[str] | None = None
    key_type: str | None = None
    version: str | None = None
    nulls: str | None = None
    match: Mapping[str, str] | None = None
    relationships: ColumnsOf | None = None
    set_if_empty: tuple[str, ...] = ()
    only: str | None = None
    only_key: str | None = None
    partition: tuple[int, int] | None = None
    if_empty: str | None = None
    if_duplicate: str = "last"
    on_absent: str | Mapping[str, Any] = "ignore"
    max_absent: arguments.Share | None = None
    absent_path: str | None = None
    scope: str | None = None
    max_changes: arguments.Share | None = None
    limit: int | None = None
    rejects_path: str | None = None
    delivered_path: str | None = None
    concurrency: int | None = None
    batch_size: int | None = None
    quota: str | None = None
    max_record_bytes: int = MAX_RECORD_BYTES
    null_values: tuple[str, ...] = ()
    csv: CsvFormat | None = None
    ledger_conn_id: str | None = None
    changed_fields_only: bool = False
    ignore_ledger: bool = False
    mixed_key_types: bool = False
    doubt_seconds: float | None = None
    exact_keys: bool = False
    history: bool = True
    history_days: int = HISTORY_DAYS
    action: str = "push"
    plan_path: str | None = None
    plan_values: bool = False
    approved_plan: str | None = None
    audit_path: str | None = None
    audit_values: bool = False
    max_drifted: arguments.Share | None = None

    @property
    def reads(self) -> bool:
        """Whether what the vendor holds is read and compared."""
        return self.action in {"audit", "repair"}

    @property
    def mapping(self) -> FieldMapping:
        """How a row becomes a change."""
        from airflow_profile_provider.mapping.field_mapping import FieldMapping

        return FieldMapping(**{one.name: getattr(self, one.name) for one in fields(FieldMapping)})

    @classmethod
    def foreseen(cls, given: Mapping[str, Any]) -> PushOptions:
        """Read what is known of the arguments before the task runs; the rest is as if it were right.

        Raises:
            ConfigurationError: naming the first that cannot be meant, or is text and no template where a
                number or a truth is needed.
        """
        known: dict[str, Any] = {}
        for one in fields(cls):
            value = given.get(one.name)
            if arguments.is_for_later(value):
                is_text = one.name not in {*_READERS, *_CHOICES} and not isinstance(one.default, bool)
                known[one.name] = "later" if is_text else None
                continue
            if isinstance(one.default, bool) or _READERS.get(one.name) in _OF_NUMBERS:
                arguments.refuse_text(one.name, value)
            if one.name in _EXACT - {"sql"} and arguments.is_text_of_records(value):
                raise ConfigurationError(f"{one.name} is the text of records: give its own value")
            known[one.name] = value
        return cls.read(known)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> PushOptions:
        """Read the arguments as they were given.

        Raises:
            ConfigurationError: naming the first that cannot be meant.
        """
        found = {}
        for one in fields(cls):
            value = given.get(one.name)
            if one.name in _READERS:
                found[one.name] = _READERS[one.name](one.name, value)
            elif isinstance(one.default, bool):
                found[one.name] = arguments.flag(one.name, value, one.default)
            else:
                found[one.name] = arguments.text(one.name, value, strip=one.name not in _EXACT)
            if found[one.name] is None:
                found[one.name] = one.default
        options = cls(**found)
        for name, choices in _CHOICES.items():
            if choices and getattr(options, name) is not None:
                require_choice(name, getattr(options, name), choices)
        if options.limit is not None and options.action not in {"push", "plan"}:
            raise ConfigurationError(
                f'limit is for action="push" and action="plan", and not for action="{options.action}"'
            )
        if options.action == "baseline" and not options.ledger_conn_id:
            raise ConfigurationError('action="baseline" fills a ledger, so name one: ledger_conn_id')
        if options.match and not options.ledger_conn_id:
            raise ConfigurationError(
                "match remembers which of the vendor's profiles a key means, so name a ledger: ledger_conn_id"
            )
        if options.watches_leavers and not options.ledger_conn_id:
            raise ConfigurationError("on_absent asks a ledger who was there, so name one: ledger_conn_id")
        if given.get("action") is not None:
            options._require_sense()
        return options

    def _require_sense(self) -> None:
        """Refuse what is only said of another action."""
        of_audits = ("audit_path", "audit_values", "max_drifted")
        of_plans = ("plan_path", "plan_values", *(() if self.action == "repair" else ("approved_plan",)))
        of_plans = (*of_plans, "max_changes")
        wrong = [name for name in (of_plans if self.reads else of_audits) if getattr(self, name)]
        if wrong and self.reads:
            raise ConfigurationError(
                f'action="{self.action}" takes no {wrong[0]}: audit_path lists what differs, and max_drifted '
                "says how much may"
            )
        if wrong:
            raise ConfigurationError(
                f'{wrong[0]} is for action="audit" and "repair"; this is "{self.action}"'
            )

    @property
    def watches_leavers(self) -> bool:
        """Whether the push asks which keys its source no longer has; what only looks sends them nothing."""
        return self.on_absent != "ignore" and not self.reads

    @property
    def constants(self) -> Mapping[str, Any]:
        """What is sent to leavers: vendor field to value."""
        return {} if isinstance(self.on_absent, str) else self.on_absent

    @property
    def absent(self) -> AbsentOptions:
        """What is done about keys that the source no longer has."""
        from airflow_profile_provider.push.leavers import AbsentOptions

        only_part = f"only the keys of {self.only} are pushed" if self.only is not None else ""
        if self.limit is not None:
            only_part = "limit leaves records for later runs"
        if self.action not in {"push", "plan"}:
            only_part = f'action="{self.action}" sends nothing'
        return AbsentOptions(
            fields=self.constants or None,
            most=self.max_absent,
            share=self.partition,
            only_part=only_part,
            writes=self.action == "push",
        )

    def require_fit(self, vendor: Vendor) -> None:
        """Refuse what this vendor cannot do.

        Raises:
            ConfigurationError: saying why.
        """
        if self.reads:
            from airflow_profile_provider.push.ways import require_readable

            require_readable(vendor, self.key_type or vendor.usable_key_types[0], list(self.fields or ()))
        if self.changed_fields_only and not vendor.partial:
            raise ConfigurationError(
                f"changed_fields_only might lose fields: this way of writing to {vendor.name} is not known "
                "to leave alone what a request leaves out"
            )
        vendor.check_match(self.match)

    def require_no_events(self) -> None:
        """Refuse what has no meaning for changes that come one after the other, as events announce them.

        Raises:
            ConfigurationError: saying why.
        """
        if self.watches_leavers:
            raise ConfigurationError(
                "on_absent is for tables: what events and outboxes do not bring is not absent"
            )
        if self.if_duplicate != "last":
            raise ConfigurationError(
                f'if_duplicate="{self.if_duplicate}" is for tables: events and outboxes bring several '
                "changes of one key, in their order"
            )

    def records_a_request(self, vendor: Vendor) -> int:
        """Return how many records go into a request.

        Raises:
            ConfigurationError: the vendor does not take so many.
        """
        size = vendor.batch_size if self.batch_size is None else self.batch_size
        if not 1 <= size <= vendor.batch_limit:
            raise ConfigurationError(
                f"batch_size must be 1 to {vendor.batch_limit}, as many as {vendor.name} takes in a request"
            )
        return size


def _partition(name: str, value: Any) -> tuple[int, int] | None:
    from airflow_profile_provider.sources.partition import parse_partition

    return parse_partition(arguments.pair(name, value))


def _fields(name: str, value: Any) -> Any:
    from airflow_profile_provider.fields.written import columns

    return columns(name, value)


def _csv(name: str, value: Any) -> CsvFormat | None:
    from airflow_profile_provider.sources.csv_format import CsvFormat

    given = arguments.mapping(name, value)
    return None if given is None else CsvFormat.of(given)


def _quota(name: str, value: Any) -> str | None:
    from airflow_profile_provider.delivery.rates import parse_quota

    found = arguments.text(name, value)
    if found is not None:
        parse_quota(found)
    return found


_READERS: dict[str, Callable[[str, Any], Any]] = {
    "doubt_seconds": arguments.seconds,
    "fields": _fields,
    "match": arguments.match,
    "parameters": arguments.parameters,
    "relationships": arguments.links,
    "partition": _partition,
    "null_values": arguments.words,
    "set_if_empty": arguments.words,
    "csv": _csv,
    "quota": _quota,
    "on_absent": arguments.on_absent,
    **dict.fromkeys(("max_changes", "max_absent", "max_drifted"), arguments.share),
    **dict.fromkeys(
        ("only", "rejects_path", "delivered_path", "absent_path", "plan_path", "audit_path"), arguments.path
    ),
    **dict.fromkeys(
        ("concurrency", "batch_size", "max_record_bytes", "history_days", "limit"), arguments.count
    ),
}

_OF_NUMBERS = (arguments.count, arguments.seconds)

_CHOICES: dict[str, tuple[str, ...]] = {
    "action": get_args(arguments.Action),
    "nulls": get_args(arguments.Nulls),
    "if_empty": get_args(arguments.IfEmpty),
    "if_duplicate": get_args(arguments.IfDuplicate),
    "key_type": (),  # the vendor has them
}

OPTION_NAMES = tuple(one.name for one in fields(PushOptions))
"""What a push can be asked for; hook and operator spell each name once, as a keyword."""

EXPLAINED = frozenset(OPTION_NAMES) - {
    *("only", "only_key", "partition", "if_empty", "if_duplicate", "max_changes", "limit"),
    *("on_absent", "max_absent", "absent_path", "scope"),
    *("rejects_path", "delivered_path", "history", "history_days"),
    *("concurrency", "batch_size", "quota", "action", "plan_path", "plan_values", "approved_plan"),
    *("audit_path", "audit_values", "max_drifted"),
}
"""Options that mean something where one key is explained."""
