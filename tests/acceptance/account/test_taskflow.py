"""A push whose records a function gives: what it may give, and what is said where it raises."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.sdk import DAG, task

from airflow_profile_provider.decorators import push_profiles
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.operators.held import HeldRecords

from .scene import CANARY, Scene
from .test_arguments import Ti
from .test_conventions import stored
from .test_tasks import Store


def operator_of(function: Callable[..., Any], *args: Any, **arguments: Any) -> Any:
    """The task that a decorated function makes."""
    with DAG("d", schedule=None):
        return push_profiles("ocamba", **arguments)(function)(*args).operator


def run(function: Callable[..., Any], *args: Any, context: Any = None, **arguments: Any) -> Any:
    """Run the function's push as a task would."""
    return operator_of(function, *args, **arguments).execute({"ti": Ti(), **(context or {})})


def good(scene: Scene) -> list[dict[str, Any]]:
    return [{"id": str(n), "note": f"{CANARY} {n}"} for n in range(scene.number)]


MAPPED = {"key": "id", "fields": {"comment": "note"}}


def test_a_generators_rows_are_pushed(scene: Scene) -> None:
    def people() -> Iterator[dict[str, Any]]:
        yield from good(scene)

    report = run(people, **MAPPED)
    assert (report["received"], report["pushed"]) == (scene.number, scene.number)
    assert scene.vendor.profiles["7"]["comment"] == f"{CANARY} 7"


def test_a_list_that_is_returned_is_pushed(scene: Scene) -> None:
    assert run(lambda: good(scene), **MAPPED, task_id="people")["pushed"] == scene.number


def test_a_path_that_is_returned_is_read(scene: Scene) -> None:
    def people() -> Path:
        path = scene.folder / "people.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in good(scene)))
        return path

    assert run(people, **MAPPED)["pushed"] == scene.number


def test_a_table_that_is_returned_is_pushed(scene: Scene) -> None:
    pyarrow = pytest.importorskip("pyarrow")

    def people() -> Any:
        return pyarrow.Table.from_pylist(good(scene))

    assert run(people, **MAPPED)["pushed"] == scene.number


def test_a_data_frame_that_is_returned_is_pushed(scene: Scene) -> None:
    pandas = pytest.importorskip("pandas")

    def people() -> Any:
        return pandas.DataFrame(good(scene))

    assert run(people, **MAPPED)["pushed"] == scene.number


def test_a_reader_of_arrow_that_is_returned_is_read_as_a_table(scene: Scene) -> None:
    pyarrow = pytest.importorskip("pyarrow")

    def people() -> Any:
        return pyarrow.Table.from_pylist(good(scene)).to_reader(max_chunksize=7)

    assert run(people, **MAPPED)["pushed"] == scene.number


def test_a_list_of_paths_that_is_returned_is_read(scene: Scene) -> None:
    def people() -> list[Path]:
        paths = [scene.folder / "a.jsonl", scene.folder / "b.jsonl"]
        for n, path in enumerate(paths):
            path.write_text("".join(json.dumps(row) + "\n" for row in good(scene)[n::2]))
        return paths

    push = operator_of(people, **MAPPED)
    assert push.execute({"ti": Ti()})["pushed"] == scene.number
    assert [str(path) for path in push.records] == [str(path) for path in people()]  # as lineage names them


def test_the_task_can_be_copied_with_its_dag(scene: Scene) -> None:
    """As Airflow copies DAGs, whatever the arguments are."""
    push = operator_of(lambda rows: rows, (row for row in good(scene)), **MAPPED, task_id="t")
    assert copy.deepcopy(push.dag).task_ids == ["t"]


def test_none_is_an_error_unless_that_is_fine(scene: Scene) -> None:
    def nobody() -> None:
        return None

    with pytest.raises(AirflowException, match="if_empty"):
        run(nobody, **MAPPED)
    assert run(nobody, **MAPPED, if_empty="ok")["received"] == 0


def test_a_generator_that_yields_nothing_is_an_empty_list(scene: Scene) -> None:
    def nobody() -> Iterator[Any]:
        yield from ()

    assert run(nobody, **MAPPED)["received"] == 0
    with pytest.raises(AirflowException, match="is empty"):
        run(nobody, **MAPPED, if_empty="fail")


def test_rejects_max_failed_and_delivered_are_as_in_the_operator(scene: Scene) -> None:
    def people() -> Iterator[dict[str, Any]]:
        yield {"id": "nobody", "note": CANARY}
        yield from good(scene)

    delivered = scene.folder / "delivered.txt"
    outputs = {"rejects_path": str(scene.folder / "r.jsonl"), "delivered_path": str(delivered)}
    report = run(people, **MAPPED, **outputs, max_failed=1)
    assert (report["pushed"], report["rejected"]) == (scene.number, 1)
    assert json.loads(Path(report["rejects"]).read_text())["key"] == "nobody"
    assert len(delivered.read_text().split()) == scene.number
    with pytest.raises(AirflowFailException, match="1 of 31 changes were not delivered"):
        run(people, **MAPPED)


def test_an_error_of_the_function_is_named_by_type_file_and_line_alone(scene: Scene) -> None:
    def people() -> list[Any]:
        raise ValueError(f"no such person: {CANARY}")

    with pytest.raises(AirflowException) as caught:
        run(people, **MAPPED)
    line = people.__code__.co_firstlineno + 1
    assert f"people raised ValueError in people (test_taskflow.py, line {line})" in str(caught.value)
    assert not isinstance(caught.value, AirflowFailException)  # a retry may help
    assert_says_nothing(caught.value)
    assert scene.vendor.requests == []


def test_an_error_in_mid_stream_comes_after_what_was_read_before_it(scene: Scene) -> None:
    def people() -> Iterator[dict[str, Any]]:
        yield from good(scene)[:5]
        json.loads(CANARY)

    ti = Ti()
    with pytest.raises(AirflowException) as caught:
        run(people, **MAPPED, context={"ti": ti})
    said = str(caught.value)
    line = people.__code__.co_firstlineno + 2
    assert f"people raised JSONDecodeError in people (test_taskflow.py, line {line})" in said
    assert "out of raw_decode (decoder.py, line" in said
    assert "after 5 rows" in said
    assert_says_nothing(caught.value)
    assert (ti.xcoms["return_value"]["pushed"], ti.xcoms["return_value"]["complete"]) == (5, False)


def test_a_generator_that_is_not_read_to_its_end_is_closed(scene: Scene) -> None:
    closed = []

    def people() -> Iterator[dict[str, Any]]:
        try:
            yield from good(scene)
        finally:
            closed.append(True)

    with pytest.raises(AirflowFailException, match="no connection 'nowhere'"):
        run(people, **MAPPED, ledger_conn_id="nowhere")
    assert closed == [True]


def assert_says_nothing(error: BaseException | None) -> None:
    while error:
        assert CANARY not in repr(error)
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("kind", [AirflowSkipException, AirflowFailException])
def test_a_function_may_skip_its_task_or_fail_it_for_good(scene: Scene, kind: type[Exception]) -> None:
    def people() -> Iterator[Any]:
        raise kind("not today")
        yield

    with pytest.raises(kind, match="not today"):
        run(people, **MAPPED)


def test_the_functions_arguments_come_from_other_tasks_and_the_context(scene: Scene) -> None:
    def people(number: int, ti: Any = None, *, params: Any = None) -> Iterator[dict[str, Any]]:
        assert (ti.task_id, params) == ("t", {"a": 1})
        yield from good(scene)[:number]

    assert run(people, 3, context={"params": {"a": 1}}, **MAPPED)["pushed"] == 3


def test_records_among_the_arguments_are_not_shown_once_they_are_rendered(scene: Scene) -> None:
    def people(rows: list[dict[str, Any]], day: str) -> Iterator[dict[str, Any]]:
        assert day == "2026-11-26"
        yield from rows

    push = operator_of(people, "{{ rows }}", "{{ ds }}", **MAPPED)
    push.op_args = [good(scene), "2026-11-26"]  # as Airflow does when it has rendered them
    assert CANARY not in repr(push.op_args)
    assert isinstance(push.op_args[0], HeldRecords)
    assert push.execute({"ti": Ti()})["pushed"] == scene.number


def test_records_that_a_dag_file_gives_as_arguments_are_held_from_the_start(scene: Scene) -> None:
    def people(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows

    push = operator_of(people, good(scene), **MAPPED)
    assert CANARY not in repr(push.op_args)
    assert push.execute({"ti": Ti()})["pushed"] == scene.number


def test_a_generators_retry_starts_again(scene: Scene) -> None:
    """Its rows may be others: no position of the earlier try counts."""
    store, calls = Store(), []

    def people() -> Iterator[dict[str, Any]]:
        calls.append(1)
        yield from good(scene)

    ti = Ti()
    ti.try_number = 2  # type: ignore[misc]
    store.set("profile_push", {"fingerprint": "x", "mark": 20, "report": {}})
    report = run(people, **MAPPED, context={"ti": ti, "task_state_store": store})
    assert (len(calls), report["received"], report["pushed"]) == (1, scene.number, scene.number)


def test_with_a_ledger_a_generators_retry_sends_what_is_left(scene: Scene) -> None:
    def people(broken: bool) -> Iterator[dict[str, Any]]:
        yield from good(scene)[:20]
        if broken:
            raise OSError
        yield from good(scene)[20:]

    with pytest.raises(AirflowException, match="OSError"):
        run(people, True, **MAPPED, ledger_conn_id="ledger")
    report = run(people, False, **MAPPED, ledger_conn_id="ledger")
    assert (report["received"], report["unchanged"], report["pushed"]) == (30, 20, 10)


def test_a_function_that_returns_a_list_may_free_its_slot_and_goes_on(scene: Scene) -> None:
    def people() -> list[dict[str, Any]]:
        return good(scene)

    push = operator_of(people, **MAPPED, quota="20/60s", deferrable=True)
    push.defer_seconds = 1.0
    with pytest.raises(TaskDeferred) as deferred:
        push.execute({"ti": Ti()})
    assert len(scene.vendor.requests) == 20
    checkpoint = deferred.value.kwargs["checkpoint"]
    again = operator_of(people, **MAPPED, quota="none")  # as the next worker makes it
    assert again.go_on({"ti": Ti()}, None, checkpoint)["pushed"] == scene.number
    assert len(scene.vendor.requests) == scene.number


def test_a_generator_keeps_its_slot(scene: Scene) -> None:
    """Nobody could go on with its rows."""

    def people() -> Iterator[dict[str, Any]]:
        yield from good(scene)[:4]

    push = operator_of(people, **MAPPED, quota="2/1s", deferrable=True)
    push.defer_seconds = 0.001
    assert push.execute({"ti": Ti()})["pushed"] == 4


@pytest.mark.parametrize("argument", ["records", "sql", "sql_conn_id", "parameters"])
def test_what_the_function_gives_is_no_argument(argument: str) -> None:
    with pytest.raises(TypeError, match=f"leave out {argument}"):
        push_profiles("ocamba", **{argument: "x"})


def test_the_records_of_default_args_are_those_of_other_pushes(scene: Scene) -> None:
    with DAG("d", schedule=None, default_args={"sql": "select 1", "sql_conn_id": "x", "max_failed": 7}):
        push = push_profiles("ocamba", **MAPPED, task_id="t")(lambda: good(scene))().operator
    assert (push.sql, push.sql_conn_id, push.max_failed) == (None, None, 7)
    assert push.execute({"ti": Ti()})["pushed"] == scene.number


def test_the_vendor_must_be_named() -> None:
    with pytest.raises(TypeError, match="name the vendor"):
        task.push_profiles(lambda: [])
    with pytest.raises(TypeError, match="vendor"):
        task.push_profiles(key="id")
    with pytest.raises(ValueError, match=r"no installed provider .*'acme'; there are sonoran, communifire"):
        task.push_profiles("acme")


def test_an_async_function_is_refused_when_the_dag_is_parsed() -> None:
    async def people() -> list[Any]:
        return []

    with pytest.raises(TypeError, match="not an async one"):
        push_profiles("ocamba")(people)


def test_a_misspelt_argument_is_refused_when_the_dag_is_parsed() -> None:
    with pytest.raises(TypeError, match="feilds"):
        operator_of(lambda: [], feilds=["comment"], task_id="t")


@pytest.mark.parametrize("mistake", [{"concurrency": "4"}, {"nulls": "none"}, {"partition": (3, 2)}])
@pytest.mark.parametrize(
    "mapped",
    [
        lambda made: made.expand(n=[1]),
        lambda made: made.expand_kwargs([{"n": 1}]),
        lambda made: made.partial(m=1).expand(n=[1]),
    ],
)
def test_a_mistake_of_a_mapped_push_is_found_when_the_dag_is_parsed(
    mapped: Callable[[Any], Any], mistake: dict[str, Any]
) -> None:
    def people(n: int, m: int = 0) -> list[dict[str, Any]]:
        return []

    with DAG("d", schedule=None):
        assert mapped(push_profiles("ocamba", task_id="fine", **MAPPED)(people))
        with pytest.raises(ConfigurationError, match=next(iter(mistake))):
            mapped(push_profiles("ocamba", **MAPPED, **mistake)(people))


def test_override_makes_another_task_with_other_arguments(scene: Scene) -> None:
    with DAG("d", schedule=None) as dag:
        people = push_profiles("ocamba", **MAPPED)(lambda: good(scene))
        people.override(task_id="first")()
        push = people.override(task_id="second", max_failed=3, batch_size=1)().operator
    assert set(dag.task_ids) == {"first", "second"}
    assert (push.max_failed, push.batch_size, push.key) == (3, 1, "id")
    assert push.execute({"ti": Ti()})["pushed"] == scene.number


def test_the_task_reads_as_a_push_in_airflow(scene: Scene) -> None:
    from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

    push = operator_of(lambda: [], **MAPPED, task_id="t", rejects_path="/rejects/")
    assert isinstance(push, OcambaPushProfilesOperator)
    assert push.operator_name == "@task.push_profiles"
    assert {link.name for link in push.operator_extra_links} == {"Rejects"}
    assert "ocamba_conn_id" in push.template_fields
    assert "records" not in push.template_fields


def test_records_that_a_dag_file_maps_are_not_stored_with_the_dag(scene: Scene) -> None:
    """As with operators, in `.partial()`, `.expand()` and `.expand_kwargs()`."""
    with DAG("d", schedule=None) as dag:

        @push_profiles("ocamba", **MAPPED)
        def people(rows: list[Any], more: list[Any], which: str = "") -> list[Any]:
            return [*rows, *more]

        rows = good(scene)
        people.override(task_id="a").partial(more=rows).expand(rows=[rows[:1], rows[1:]])
        people.override(task_id="b").partial(rows=[]).expand_kwargs([{"more": rows, "which": "{{ ds }}"}])
    assert CANARY not in stored(dag)
    assert "{{ ds }}" in stored(dag)
    mapped: Any = dag.get_task("a")
    push = mapped.unmap({"op_kwargs": {"rows": HeldRecords(rows[:2])}})
    assert push.execute({"ti": Ti()})["received"] == scene.number + 2
