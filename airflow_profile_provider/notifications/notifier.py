"""The notifier that Airflow calls when a task has ended: it sends what changed, by other notifiers."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_profile_provider.errors import ConfigurationError, where_raised
from airflow_profile_provider.notifications.alerts import Alert, Memory, Place, alerts
from airflow_profile_provider.notifications.conditions import Condition, Outcome
from airflow_profile_provider.operators.outcome import PushFailed
from airflow_profile_provider.reports import Report

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

LONGEST_NAME = 250
"""Characters of a Variable's name."""
_OFFICIAL = "airflow.providers."
_HINT = 'such as subject="{{ alert.subject }}", html_content="{{ alert.html }}" or text="{{ alert.slack }}"'


class ProfileAlertsNotifier(BaseNotifier):
    """Send a message when a condition of a push begins to hold, and one when it is over.

    :param to: the notifier that sends, or several of them. Their templates have ``alert``: ``alert.subject``,
        ``alert.text``, ``alert.html``, ``alert.slack``, ``alert.begins`` (whether it begins or is over).
    :param when: the conditions: `task_red`, `rejected_above`, `received_changed_by`,
        `nothing_acknowledged_for`, `drifted_above`.

    Give it to a task, or to all of a DAG by ``default_args``, as ``on_success_callback`` and as
    ``on_failure_callback``: what is over is seen by a run that is green. What was said is remembered in an
    Airflow Variable for each task, ``profile_alerts.<DAG>.<task>``. No value is in it, nor in a message.

    Raises:
        ConfigurationError: nothing is to be told, or a notifier of Airflow's would not say what.
    """

    clock: Callable[[], float] = staticmethod(time.time)

    def __init__(self, *, to: Any, when: Sequence[Condition], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.to = tuple(to) if isinstance(to, list | tuple) else (to,)
        self.when = tuple(when) if isinstance(when, Iterable) else (when,)
        if not self.to or not all(map(callable, self.to)):
            raise ConfigurationError("to must be one of Airflow's notifiers, or a list of them")
        if not self.when or not all(hasattr(one, "judge") for one in self.when):
            raise ConfigurationError("when must be a list of conditions, such as [task_red()]")
        for each in self.to:
            _require_alert(each)

    def notify(self, context: Context) -> None:
        """Look at how the task ended, and send what is new; what could not be sent is sent by the next run.

        Raises:
            Exception: of the notifier that sends; what the others sent is remembered.
        """
        ti: Any = context.get("ti")
        if ti is None or getattr(ti, "state", None) == "up_for_retry":
            return
        place = _place_of(ti)
        store = _Store(place)
        memory = store.load()
        run = f"{place.run} {getattr(ti, 'try_number', 1)}"
        outcome = self._outcome(ti, memory, run)
        memory.count(run, outcome)
        try:
            self._tell(context, memory, outcome, place)
        finally:
            store.save(memory)

    def _outcome(self, ti: Any, memory: Memory, run: str) -> Outcome:
        now = self.clock()
        since = now if memory.acknowledged_at is None else memory.acknowledged_at
        red = getattr(ti, "state", None) != "success"
        return Outcome(red, _report_of(ti), memory.before(run), since, now)

    def _tell(self, context: Context, memory: Memory, outcome: Outcome, place: Place) -> None:
        failure: Exception | None = None
        cause = _cause_of(context, outcome)
        for sender in self.to:
            who = _identity(sender)
            for alert, name in alerts(self.when, memory, outcome, place, who=who, cause=cause):
                try:
                    _send(sender, context, alert)
                except Exception as error:  # noqa: BLE001 -- each has errors of its own; the others are asked
                    self.log.error("%s was not sent (%s)", alert.subject, where_raised(error))
                    failure = failure or error
                    continue
                self.log.info("Sent by %s: %s", type(sender).__name__, alert.subject)
                if alert.begins:
                    memory.holds[name] = place.run
                else:
                    del memory.holds[name]
        if failure:
            raise failure


class _Store:
    """Where the memory of a task is: a Variable, which workers and the DAG processor can write."""

    def __init__(self, place: Place) -> None:
        mapped = f".{place.map_index}" if place.map_index >= 0 else ""
        name = f"profile_alerts.{place.dag}.{place.task}{mapped}"
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - 17]}.{sha256(name.encode()).hexdigest()[:16]}"
        self._name = name

    def load(self) -> Memory:
        from airflow.sdk import Variable

        try:
            return Memory.of(json.loads(Variable.get(self._name, default="null")))
        except ValueError:
            return Memory()

    def save(self, memory: Memory) -> None:
        from airflow.sdk import Variable

        Variable.set(
            self._name, json.dumps(memory.as_dict()), description="What ProfileAlertsNotifier has said"
        )


def _send(sender: Any, context: Context, alert: Alert) -> None:
    """Send a message by a notifier, which stays as it is: rendering replaces its templates."""
    given: Any = {**context, "alert": alert}
    if not isinstance(sender, BaseNotifier):
        sender(given)
        return
    one = copy.copy(sender)
    one._update_context(given)
    one.render_template_fields(given)
    one.notify(given)


def _identity(sender: Any) -> str:
    """Name a notifier, and by a hash whom it tells: two may tell two people of one task."""
    fields = {name: str(getattr(sender, name, "")) for name in getattr(sender, "template_fields", ())}
    told = sorted((name, value) for name, value in fields.items() if "alert" not in value)
    return f"{type(sender).__name__} {sha256(repr(told).encode()).hexdigest()[:8]}"


def _require_alert(sender: Any) -> None:
    """Refuse a notifier of Airflow's providers that would say nothing of the alert.

    Raises:
        ConfigurationError: none of its templates has it.
    """
    if not isinstance(sender, BaseNotifier) or not type(sender).__module__.startswith(_OFFICIAL):
        return
    if not any("alert" in str(getattr(sender, name, "")) for name in sender.template_fields):
        raise ConfigurationError(f"{type(sender).__name__} would not say what the alert is: give it {_HINT}")


def _place_of(ti: Any) -> Place:
    index = getattr(ti, "map_index", -1)
    return Place(
        str(ti.dag_id),
        str(ti.run_id),
        str(ti.task_id),
        index if isinstance(index, int) else -1,
        str(getattr(ti, "log_url", None) or ""),
    )


def _report_of(ti: Any) -> Report | None:
    """Return the report of a task: what it has itself, or what it left in XCom."""
    own = getattr(getattr(ti, "task", None), "report", None)
    if isinstance(own, Report):
        return own
    found = ti.xcom_pull(task_ids=ti.task_id, map_indexes=ti.map_index)
    if isinstance(found, Mapping) and {"received", "complete"} <= found.keys():
        return Report.of(found)
    return None


def _cause_of(context: Context, outcome: Outcome) -> str:
    """Return by what a push failed, in its own words, which hold no value; of other errors, their type."""
    error = context.get("exception")
    if not isinstance(error, BaseException):
        return ""
    own = type(error) in {PushFailed, AirflowFailException} and outcome.report is not None
    return str(error).partition(". ")[0] if own else type(error).__name__
