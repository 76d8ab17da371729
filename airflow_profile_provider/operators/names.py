"""Names that differ for each task, mapped task and try: of a push's run, and of the files that it writes."""

from __future__ import annotations

import os
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from airflow_profile_provider import options as arguments
from airflow_profile_provider.errors import ConfigurationError

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_profile_provider.reports import TaskRun


def run_of(context: Context) -> str | None:
    """Name the task instance, the same in each of its tries; None outside of Airflow."""
    ti = context.get("ti")
    if ti is None:
        return None
    return " ".join(str(getattr(ti, name, "")) for name in ("dag_id", "run_id", "task_id", "map_index"))


def task_of(context: Context) -> TaskRun | None:
    """Return which task instance this is, as Airflow names it; None outside of Airflow."""
    from airflow_profile_provider.reports import TaskRun  # not for a DAG's parsing

    ti = context.get("ti")
    if ti is None:
        return None
    index, tries = _map_index(context), getattr(ti, "try_number", 1)
    return TaskRun(
        dag=str(getattr(ti, "dag_id", "")),
        run=str(getattr(ti, "run_id", "")),
        task=str(getattr(ti, "task_id", "")),
        map_index=-1 if index is None else index,
        try_number=tries if isinstance(tries, int) else 1,
    )


def scope_of(given: Any, context: Context, *, on_absent: Any, partition: Any) -> str | None:
    """Name a task among the pushes to its target: as it was given, else by the ids of DAG and task.

    Raises:
        ConfigurationError: who is absent from a mapped task's records may be among those of its siblings.
    """
    if name := arguments.text("scope", given):
        return name
    ti = context.get("ti")
    if ti is None:
        return None
    if _map_index(context) is not None:
        require_share(on_absent, partition)
    return f"{getattr(ti, 'dag_id', '')}.{getattr(ti, 'task_id', '')}"


def require_share(on_absent: Any, partition: Any) -> None:
    """Let leavers be looked for in a mapped task without a scope only where it reads the whole source.

    Raises:
        ConfigurationError: who is absent from its records may be among those of its siblings.
    """
    watches = (arguments.on_absent("on_absent", on_absent) or "ignore") != "ignore"
    if watches and partition is None:
        raise ConfigurationError(
            "on_absent in a mapped task: who is absent from its records may be among those of the others. "
            "Map partition, so that each reads the whole, or give each its scope"
        )


def _map_index(context: Context) -> int | None:
    """Return which of the mapped tasks this is; None where it is the only one."""
    index = getattr(context.get("ti"), "map_index", None)
    return index if isinstance(index, int) and index >= 0 else None


def mapped_name(argument: str, given: Any, context: Context) -> str | None:
    """Put a mapped task's index into the name of a file, if there is one: its siblings write theirs."""
    index, path = _map_index(context), arguments.path(argument, given)
    if path is None or index is None:
        return path
    stem, ending = re.fullmatch(r"(.*?)((?:\.[A-Za-z]\w*)?(?:\.gz)?)", path).groups()  # type: ignore[union-attr]
    return f"{stem}.{index}{ending}"


LONGEST_NAME = 240
"""Bytes of a file's name that any file system takes, with room for an ending."""


def tried_name(given: Any, context: Context) -> str | None:
    """Put DAG, run, task, map index and try into the name of a rejects file."""
    path = arguments.path("rejects_path", given)
    if path is None:
        return None
    ti = context.get("ti")
    parts = [
        getattr(ti, "dag_id", None),
        getattr(ti, "run_id", None),
        getattr(ti, "task_id", None),
        _map_index(context),
        getattr(ti, "try_number", None),
    ]
    name = ".".join(_plain(str(part)) for part in parts if part is not None)
    if path.endswith("/"):
        return f"{path}{_shortened(name or 'rejects', '.jsonl')}"
    folder, slash, file = path.rpartition("/")
    stem, ending = re.fullmatch(r"(.*?)((?:\.jsonl)?(?:\.gz)?)", file).groups()  # type: ignore[union-attr]
    return f"{folder}{slash}{_shortened(f'{stem}.{name}' if name else stem, ending or '.jsonl')}"


_AIRFLOWS_RUN = re.compile(r"\w+__\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00\w*")
"""A run's id as Airflow makes it: no two of them come out alike."""


def _plain(part: str) -> str:
    """Return an id as a file's name may hold it; a hash tells apart those that would come out alike."""
    text = re.sub(r"[^\w-]+", "_", part)
    if text == part or _AIRFLOWS_RUN.fullmatch(part):
        return text
    return f"{text}-{sha256(os.fsencode(part)).hexdigest()[:8]}"


def _shortened(name: str, ending: str) -> str:
    """Return a file's name, shortened where it is too long; a hash of all of it keeps it its own."""
    if len(os.fsencode(name + ending)) <= LONGEST_NAME:
        return name + ending
    mark = "." + sha256(os.fsencode(name)).hexdigest()[:16]
    room = LONGEST_NAME - len(mark) - len(ending)
    return os.fsencode(name)[:room].decode(errors="ignore") + mark + ending
