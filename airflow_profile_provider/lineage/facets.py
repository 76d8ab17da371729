"""A push as OpenLineage sees it: datasets in and out, which field comes from which column, and counts.

No value, key or credential is in it, nor the query itself, whose text may hold values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.sdk.exceptions import AirflowRuntimeError
from openlineage.client.event_v2 import Dataset, InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    DatasetFacet,
    OutputDatasetFacet,
    RunFacet,
    column_lineage_dataset,
    output_statistics_output_dataset,
)

from airflow_profile_provider.adapters.files import address_of, is_path
from airflow_profile_provider.adapters.paths import paths_in
from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.fields import Expression, written
from airflow_profile_provider.lineage.assets import dataset_of
from airflow_profile_provider.lineage.datasets import (
    Origin,
    origin_of_file,
    origin_of_files,
    origin_of_sql,
    without_places,
)
from airflow_profile_provider.lineage.described import DescribedPush, ReadFromTable
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

_UNKNOWN = (AirflowException, AirflowRuntimeError, ProfileError)


@attrs.define
class ProfilePushRunFacet(RunFacet):
    """The report's counts and cost; ``seconds`` and ``throttledSeconds`` are seconds."""

    action: str
    received: int
    verdicts: dict[str, int]
    requests: int
    retries: int
    throttledSeconds: float  # noqa: N815 -- as facets are written
    seconds: float
    complete: bool


def lineage_of(operator: DescribedPush) -> OperatorLineage[Any, Any]:
    """Return all that is known of a push: before it, the datasets; after it, the counts, too."""
    origin = _origin(operator)
    return OperatorLineage(
        inputs=[InputDataset(*name) for name in (*origin.datasets, *_files(operator.only))],
        outputs=[*_vendor(operator, origin), *_left(operator)],
        run_facets={"profilePush": _counts(operator.action, operator.report)} if operator.report else {},
    )


def _origin(operator: DescribedPush) -> Origin:
    """Find out what is read; a connection that is missing is told by the push itself."""
    try:
        if operator.sql_conn_id is not None and (query := _query(operator)):
            return origin_of_sql(operator.hook.get_connection(operator.sql_conn_id), query)
    except _UNKNOWN:
        return Origin()
    try:
        paths = [address_of(operator.records)] if is_path(operator.records) else paths_in(operator.records)
    except ProfileError:
        return Origin()
    return origin_of_files(paths or ())


def _query(operator: DescribedPush) -> str | None:
    """Return what is asked of the database; of an outbox, in the simplest words."""
    if isinstance(operator.records, ReadFromTable):
        return f"select * from {operator.records.table_read}"
    if operator.sql is None or operator.parameters is None:
        return operator.sql
    return without_places(operator.sql)


def _vendor(operator: DescribedPush, origin: Origin) -> Iterator[OutputDataset]:
    """Name what is pushed to, unless nothing is sent."""
    if operator.action != "push":
        return
    try:
        namespace, name = dataset_of(operator.hook.address)
    except _UNKNOWN:
        return
    facets: dict[str, DatasetFacet] = {}
    if lines := dict(_lines(operator, origin)):
        facets["columnLineage"] = column_lineage_dataset.ColumnLineageDatasetFacet(fields=lines)
    yield OutputDataset(namespace, name, outputFacets=_statistics(operator.report), facets=facets)


def _statistics(report: Report | None) -> dict[str, OutputDatasetFacet]:
    if report is None:
        return {}
    counted = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return {"outputStatistics": counted(rowCount=report.acknowledged)}


def _lines(operator: DescribedPush, origin: Origin) -> Iterator[tuple[str, column_lineage_dataset.Fields]]:
    """Draw a line from each field to the columns that it comes from, as far as they are known."""
    for field, columns in _columns(operator).items():
        sources = [
            column_lineage_dataset.InputField(
                *dataset, source, [column_lineage_dataset.Transformation("DIRECT")]
            )
            for column in columns
            for dataset, source in origin.sources(column)
        ]
        if sources:
            yield field, column_lineage_dataset.Fields(inputFields=sources)


def _columns(operator: DescribedPush) -> dict[str, list[str]]:
    """Return the columns of each field; none where rows are changes already."""
    try:
        fields = written.columns("fields", operator.fields)
    except ProfileError:
        return {}
    if fields is None:
        return {}
    columns = {name: _read(of) for name, of in _pairs(fields)}
    for relationship, operations in (operator.vendor_options.get("relationships") or {}).items():
        columns[relationship] = list(operations.values())
    if operator.key:
        columns.setdefault(operator.key_type or operator.hook.vendor_class.key_types[0], [operator.key])
    return columns


def _read(of: Any) -> list[str]:
    """Return the columns that a field is made of."""
    return list(of.columns) if isinstance(of, Expression) else [of]


def _pairs(fields: Any) -> Iterator[tuple[str, Any]]:
    yield from fields.items() if isinstance(fields, Mapping) else ((name, name) for name in fields)


def _left(operator: DescribedPush) -> Iterator[Dataset]:
    """Name the files that the push writes: where data went is what lineage is for."""
    paths = [operator.delivered_path, operator.plan_path if operator.action == "plan" else None]
    for path in (*paths, operator.report.rejects if operator.report else None):
        for name in _files(path):
            yield OutputDataset(*name)


def _files(path: Any) -> tuple[tuple[str, str], ...]:
    return () if path is None else origin_of_file(str(path)).datasets


def _counts(action: str, report: Report) -> ProfilePushRunFacet:
    return ProfilePushRunFacet(
        action=action,
        received=report.received,
        verdicts={verdict.value: getattr(report, verdict) for verdict in Verdict},
        requests=report.requests,
        retries=report.retries,
        throttledSeconds=report.throttled_seconds,
        seconds=report.seconds,
        complete=report.complete,
    )
