"""A rig to run one vendor's hook and operator on: its stand-in, its connection, its sample material."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from standins import StandIn

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.records import Verdict

from .samples import SAMPLES, Sample


def registered() -> list[str]:
    """The connection types that the provider registers."""
    return [entry["connection-type"] for entry in get_provider_info()["connection-types"]]


def registration(conn_type: str) -> dict[str, Any]:
    """One connection type's registration."""
    entries = get_provider_info()["connection-types"]
    return next(dict(entry) for entry in entries if entry["connection-type"] == conn_type)


def hook_of(conn_type: str) -> Any:
    """The hook's class of a connection type, as registered."""
    module, name = registration(conn_type)["hook-class-name"].rsplit(".", 1)
    return getattr(import_module(module), name)


@dataclass
class TaskInstanceStub:
    """The part of a task instance that an operator may use without a running Airflow."""

    xcoms: dict[str, Any] = field(default_factory=dict)
    dag_id: str = "nightly"
    task_id: str = "push"
    run_id: str = "manual__2026-11-21"
    try_number: int = 1
    map_index: int = -1

    def xcom_push(self, key: str, value: Any, **_: Any) -> None:
        """Keep what is pushed."""
        self.xcoms[key] = value


@dataclass(frozen=True)
class Outcome:
    """How a task ended: its report, and the error that turned it red."""

    report: dict[str, Any]
    error: BaseException | None
    xcoms: dict[str, Any]

    @property
    def green(self) -> bool:
        """Whether the task succeeded."""
        return self.error is None

    @property
    def for_good(self) -> bool:
        """Whether Airflow will not try the task again."""
        from airflow.providers.common.compat.sdk import AirflowFailException

        return isinstance(self.error, AirflowFailException)

    @property
    def said(self) -> str:
        """What the task's log shows of the error: the message with its traceback."""
        return "" if self.error is None else "".join(traceback.format_exception(self.error))


def counts(report: Any) -> dict[str, int]:
    """The verdicts of a report (or of its dict) that are not zero."""
    held = report if isinstance(report, dict) else report.as_dict()
    assert sum(held[verdict] for verdict in Verdict) == held["received"]
    return {verdict.value: held[verdict] for verdict in Verdict if held[verdict]}


def lines(path: Any) -> list[dict[str, Any]]:
    """The lines of a rejects file, which must be JSON as strict readers take it."""
    text = Path(path).read_text(encoding="utf-8").removesuffix("\n")
    return [json.loads(line, parse_constant=_no_json) for line in text.split("\n")] if text else []


def _no_json(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


class Rig:
    """One vendor under test."""

    def __init__(self, conn_type: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        self.conn_type = conn_type
        self.sample: Sample = SAMPLES[conn_type]
        self.stand_in = stand_in
        self._monkeypatch = monkeypatch
        self.connect()

    # -- the vendor -------------------------------------------------------------------------------------

    def hold(self, *numbers: int) -> None:
        """Let the vendor keep these profiles."""
        for number in numbers:
            self.stand_in.profiles[self.sample.key(number)] = self.sample.before(number)

    def connect(self, *, without: Iterable[str] = (), **changed: Any) -> None:
        """Set the default connection; ``extra`` is laid over the sample's."""
        extra = {**self.sample.extra, **changed.pop("extra", {})}
        full = {
            "conn_type": self.conn_type,
            "host": self.stand_in.url,
            "login": self.sample.login or None,
            "password": self.stand_in.secret,
            "extra": extra,
            **changed,
        }
        connection = {name: value for name, value in full.items() if name not in set(without) and value}
        self._monkeypatch.setenv(f"AIRFLOW_CONN_{self.conn_type.upper()}_DEFAULT", json.dumps(connection))

    # -- changes ----------------------------------------------------------------------------------------

    def change(self, number: int, **fields: Any) -> dict[str, Any]:
        """A change of a profile: the sample's fields, or the ones given."""
        return {"key": self.sample.key(number), "fields": fields or self.sample.fields(number)}

    def rename(self, number: int, value: Any, *, other: bool = False) -> dict[str, Any]:
        """A change of the text field alone."""
        name = self.sample.other if other else self.sample.text
        return {"key": self.sample.key(number), "fields": {name: value}}

    def nobody(self) -> dict[str, Any]:
        """A change of somebody whom the vendor does not know."""
        return {"key": self.sample.nobody, "fields": {self.sample.text: "MarkerQuartz"}}

    def changes(self, *numbers: int) -> list[dict[str, Any]]:
        """Good changes."""
        return [self.change(number) for number in numbers]

    def renames(self, *numbers: int) -> list[dict[str, Any]]:
        """Good changes of the text field alone, which need no vendor to be asked for its fields first."""
        return [self.rename(number, f"Name{number}After") for number in numbers]

    def holds(self, number: int) -> dict[str, Any]:
        """What the vendor holds of a profile."""
        return self.stand_in.profiles[self.sample.key(number)]

    def expected(self, number: int) -> dict[str, Any]:
        """What the vendor should hold once the sample's change is in."""
        return {**self.sample.before(number), **self.sample.fields(number)}

    # -- the package ------------------------------------------------------------------------------------

    @property
    def hook_class(self) -> Any:
        """The hook's class, as registered."""
        return hook_of(self.conn_type)

    @property
    def operator_class(self) -> Any:
        """The operator's class, named after the hook's."""
        name = self.hook_class.__name__.removesuffix("Hook") + "PushProfilesOperator"
        return getattr(import_module(f"airflow_profile_provider.operators.{self.conn_type}"), name)

    @property
    def hook(self) -> Any:
        """A hook on the default connection."""
        return self.hook_class()

    def hurry(self, **rule: float) -> None:
        """Shorten the waits between retries, through the hook's own setting; the number of tries stays."""
        rule = {"first_wait": 0.02, "longest_wait": 0.1, **rule}
        self._monkeypatch.setattr(self.hook_class, "retry_rule", replace(self.hook_class.retry_rule, **rule))

    def push(self, changes: Iterable[Any], **options: Any) -> Any:
        """Push through the hook, with no quota."""
        return self.hook.push(changes, **{"quota": "none", **options})

    def run(self, records: Any, **options: Any) -> Outcome:
        """Run the operator as a task would, with no quota."""
        from airflow.providers.common.compat.sdk import AirflowException

        task_instance = TaskInstanceStub()
        given = {"quota": "none", **options, "_airflow_from_mapped": True}  # as they are when it runs
        operator = self.operator_class(task_id="push", records=records, **given)
        context = {"ti": task_instance, "task_instance": task_instance, "run_id": task_instance.run_id}
        try:
            report = operator.execute(context)
        except AirflowException as error:
            report = task_instance.xcoms.get("return_value") or {}
            return Outcome(report, error, task_instance.xcoms)
        return Outcome(report, None, task_instance.xcoms)

    def write_file(self, path: Path, rows: list[dict[str, Any]]) -> str:
        """Write rows as what the file's name says: .jsonl, .csv, .parquet, .gz of the first two."""
        import csv
        import gzip
        import io

        name = path.name.removesuffix(".gz")
        if name.endswith(".parquet"):
            import pyarrow
            import pyarrow.parquet

            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
            return str(path)
        text = io.StringIO()
        if name.endswith(".csv"):
            writer = csv.DictWriter(text, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        else:
            text.writelines(json.dumps(row) + "\n" for row in rows)
        content = text.getvalue().encode()
        path.write_bytes(gzip.compress(content) if path.name.endswith(".gz") else content)
        return str(path)
