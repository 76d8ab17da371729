"""The page's API: GET only, behind Airflow's own rights; imported by the API server alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from airflow_profile_provider.errors import ProfileError
from airflow_profile_provider.page.cursors import NoCursor
from airflow_profile_provider.page.ledgers import complaint, ledger_ids, reading, records
from airflow_profile_provider.page.outboxes import outbox_ids
from airflow_profile_provider.page.pushes import Wanted, cursor_of, instances
from airflow_profile_provider.page.rights import DAG_RIGHTS, ReadableDags, may_read_connection
from airflow_profile_provider.page.stores import stores_api
from airflow_profile_provider.page.summary import MOST_PUSHES, reasons_of, summed
from airflow_profile_provider.page.tasks import PushTask, push_tasks
from airflow_profile_provider.page.told import REPLAY, one, replay_of, told

DAYS = 7

pushes_api = APIRouter(prefix="/api", dependencies=DAG_RIGHTS)


def chosen_tasks(
    session: SessionDep,
    readable: ReadableDags,
    dag_id: str | None = None,
    task_id: str | None = None,
    vendor: str | None = None,
) -> list[PushTask]:
    """Return the pushes that the user may read, of one DAG, task or vendor where one is named."""
    dags = readable if dag_id is None else readable & {dag_id}
    return [
        task
        for task in push_tasks(session, dags)
        if vendor in {None, task.vendor} and task_id in {None, task.task_id}
    ]


ChosenTasks = Annotated[list[PushTask], Depends(chosen_tasks)]


def _zoned(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at


@pushes_api.get("/pushes")
def pushes(
    session: SessionDep,
    readable: ReadableDags,
    tasks: ChosenTasks,
    state: Annotated[Sequence[str], Query()] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    run_id: str | None = None,
    map_index: int | None = None,
    before: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """List pushes, those started last first; ``next`` is the ``before`` of the next page."""
    wanted = Wanted(
        states=state,
        since=_zoned(since),
        until=_zoned(until),
        run_id=run_id,
        map_index=map_index,
        before=before,
        limit=limit + 1,
    )
    try:
        found = instances(session, tasks, wanted)
    except NoCursor as error:
        raise HTTPException(400, f"before: {error}") from None
    page = found[:limit]
    return {
        "pushes": [_with_form(push, readable) for push in told(session, tasks, page)],
        "next": cursor_of(page[-1]) if len(found) > limit else None,
        "vendors": sorted({task.vendor for task in tasks}),
        "dags": sorted({task.dag_id for task in tasks}),
    }


@pushes_api.get("/pushes/{dag_id}/{run_id}/{task_id}/{map_index}")
def push(
    session: SessionDep,
    user: GetUserDep,
    readable: ReadableDags,
    dag_id: str,
    run_id: str,
    task_id: str,
    map_index: int,
    verdict: Annotated[Sequence[str], Query()] = (),
    reason: str | None = None,
    before: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> dict[str, Any]:
    """Tell all that is known of one push, and what became of its records: those of a verdict or a reason."""
    tasks = push_tasks(session, readable & {dag_id})
    task = next((task for task in tasks if task.task_id == task_id), None)
    found = one(session, task, run_id, map_index) if task else None
    if found is None:
        raise HTTPException(404, "this task instance is no push, or has not started")
    only = {"verdicts": tuple(verdict), "reason": reason, "before": before, "limit": limit}
    return _with_form(found, readable) | _records(found, user, only)


def _with_form(push: dict[str, Any], readable: set[str]) -> dict[str, Any]:
    """Tell also how the form is filled that pushes its rejects again, and whether the user has that form."""
    form = replay_of(push)
    return push | {"replay": form and form | {"there": REPLAY in readable}}


def _records(push: dict[str, Any], user: Any, only: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a push's records, keys masked from who may not read the ledger."""
    ledger = push["ledger_conn_id"]
    if not ledger:
        return {"records": None, "next": None, "records_problem": None}
    try:
        with reading(ledger) as engine:
            masked = not may_read_connection(user, ledger)
            return {**records(engine, push, masked=masked, **only), "records_problem": None}
    except NoCursor as error:
        raise HTTPException(400, f"before: {error}") from None
    except (LookupError, ProfileError) as error:
        return {"records": None, "next": None, "records_problem": complaint(error, ledger)}


@pushes_api.get("/summary")
def summary(
    session: SessionDep,
    user: GetUserDep,
    tasks: ChosenTasks,
    days: Annotated[int, Query(ge=1, le=90)] = DAYS,
) -> dict[str, Any]:
    """Sum the pushes of the last days, by target and by hour; name the ledgers and outboxes one may read."""
    found = _recent(session, tasks, days)
    ledgers, outboxes = ledger_ids(tasks), outbox_ids(tasks)
    return {
        **summed(found),
        "days": days,
        "capped": len(found) >= MOST_PUSHES,
        "tasks": len(tasks),
        "ledgers": [name for name in ledgers if may_read_connection(user, name)],
        "outboxes": [name for name in outboxes if may_read_connection(user, name)],
    }


@pushes_api.get("/reasons")
def reasons(
    session: SessionDep, tasks: ChosenTasks, days: Annotated[int, Query(ge=1, le=90)] = DAYS
) -> dict[str, Any]:
    """Tell why records were not delivered in the last days, and how often."""
    found = _recent(session, tasks, days)
    return {"reasons": reasons_of(found), "days": days, "capped": len(found) >= MOST_PUSHES}


def _recent(session: Any, tasks: list[PushTask], days: int) -> list[dict[str, Any]]:
    wanted = Wanted(since=datetime.now(UTC) - timedelta(days=days), limit=MOST_PUSHES)
    return told(session, tasks, instances(session, tasks, wanted))


class _Files(StaticFiles):
    """The page's own files; a browser asks each time whether its copy is still true."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


app = FastAPI(title="Profiles", openapi_url=None)
app.include_router(pushes_api)
app.include_router(stores_api)
app.mount("/static", _Files(directory=Path(__file__).parent / "static"))
