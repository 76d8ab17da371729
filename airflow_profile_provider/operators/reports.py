"""The task that closes a fan-out: one report of all its pushes, one verdict, one event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AssetAlias, BaseOperator, XComArg

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.lineage.assets import announce
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.operators.outcome import allowed_failures, problem_of, words_of
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Asset, Context

_MEMBERS = frozenset({"received", "complete", *Verdict})
"""What every report has, whichever version of the package wrote it."""
_NOT_RUN = frozenset({"skipped", "removed"})


class SumReportsOperator(BaseOperator):
    """Sum the reports of several pushes, judge the sum, and emit the outlets' events with it.

    :param reports: ``push.output`` of a mapped push, or a list of such outputs and of reports.
    :param max_failed: how many changes may have failed in all of the pushes: a count, or "1%" of those that
        needed delivery. Without it, each push has judged for itself, and one red push makes this task red.
    :param asset: the asset whose event an `AssetAlias` among the outlets gets, or its URI.

    Give it ``trigger_rule="all_done"``, so that red pushes are counted, too. The sum is returned: a report,
    its seconds summed, with ``rejects_files`` beside it (``rejects`` is None where there are several). It is
    pushed to XCom before a red task fails, too. A push that stopped before its end, or that left no report,
    makes this task red in any case, and a red task emits no event.
    """

    template_fields: Sequence[str] = ("reports", "max_failed")
    ui_color = "#d8e8f8"

    def __init__(
        self,
        *,
        reports: Any,
        max_failed: int | str | None = None,
        asset: Asset | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if asset is None and any(isinstance(outlet, AssetAlias) for outlet in self.outlets):
            raise ValueError("an AssetAlias among the outlets needs asset=: the asset whose event it gets")
        self._pushes = _pushes(reports)
        self.reports = reports
        self.max_failed = max_failed
        self.asset = asset

    def execute(self, context: Context) -> dict[str, Any]:
        """Sum and judge."""
        reports = list(_flat(self.reports))
        whole = Report.total(reports)
        told = whole.as_dict() | {"rejects_files": [each.rejects for each in reports if each.rejects]}
        if problem := self._problem(context, len(reports), whole):
            if self.do_xcom_push and "ti" in context:
                context["ti"].xcom_push(key="return_value", value=told)
            raise AirflowFailException(words_of(problem, whole))
        self.log.info("%d pushes: %s", len(reports), whole)
        announce(context, self.outlets, whole, changed=whole.acknowledged > 0, asset=lambda: self.asset or "")
        return told

    def _problem(self, context: Context, count: int, whole: Report) -> str:
        """Say what makes this task red; nothing where all is well."""
        try:
            allowed = None if self.max_failed is None else allowed_failures(self.max_failed)
        except ConfigurationError as error:
            raise AirflowFailException(str(error)) from None
        states = self._states(context)
        pushes = sum(number for state, number in states.items() if state not in _NOT_RUN)
        if pushes > count:
            missing = f"{pushes - count} of {pushes} pushes left no report"
            return f"{missing}: they did not run to their end, or their do_xcom_push is off"
        if not whole.complete:
            return "a push stopped before its end"
        if allowed:
            return problem_of(whole, allowed)
        red = pushes - states["success"]
        return (
            f"{red} of {pushes} pushes are red, and no max_failed is given for their sum" if red > 0 else ""
        )

    def _states(self, context: Context) -> Counter[str]:
        """Count the task instances of the pushes by state, where Airflow can say which they are."""
        ti = context.get("ti")
        if (
            not self._pushes
            or ti is None
            or not hasattr(ti, "get_task_states")
            or ti.map_index not in {-1, None}
        ):
            return Counter()
        found = ti.get_task_states(dag_id=ti.dag_id, task_ids=self._pushes, run_ids=[ti.run_id])
        return Counter(str(state) for run in found.values() for state in run.values())


def _pushes(reports: Any) -> list[str]:
    """Name the pushes whose outputs these are; nothing where there is anything else among them."""
    sources = {operator.task_id: operator for operator, _ in XComArg.iter_xcom_references(reports)}
    kinds = [getattr(operator, "operator_class", type(operator)) for operator in sources.values()]
    pushes = all(isinstance(kind, type) and issubclass(kind, PushProfilesOperator) for kind in kinds)
    return sorted(sources) if pushes else []


def _flat(found: Any) -> Iterator[Report]:
    """Read reports out of whatever outputs of tasks resolve to; a task that left none gives None."""
    if isinstance(found, Mapping):
        if not found.keys() >= _MEMBERS:
            raise AirflowFailException("a push's report was expected, not another mapping: give push.output")
        yield Report.of(found)
    elif isinstance(found, Iterable) and not isinstance(found, str | bytes):
        for each in found:
            yield from _flat(each)
    elif found is not None:
        raise AirflowFailException(
            f"a push's report was expected, not a {type(found).__name__}: give push.output"
        )
