"""Input that breaks careless code: each such record is refused by itself, and the rest is delivered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standins import Fault

from airflow_profile_provider.errors import PushStopped

from .conftest import OpenRig
from .rig import Rig, counts, lines


def nested(depth: int) -> Any:
    value: Any = "core"
    for _ in range(depth):
        value = [value]
    return value


def circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


VALUES: dict[str, Callable[[], Any]] = {
    "infinity": lambda: float("inf"),
    "half a character": lambda: "broken \ud83d text",
    "bytes": lambda: b"\x00\xff",
    "an object of Python": object,
    "a function": lambda: print,
    "nested 5000 deep": lambda: nested(5000),
    "circular": circular,
    "a number of 5000 digits": lambda: 10**5000,
    "nan in a list": lambda: [float("nan"), {"deep": float("inf")}],
}


@pytest.mark.parametrize("kind", list(VALUES))
def test_a_value_that_json_cannot_hold_harms_no_other_record(rig: Rig, tmp_path: Path, kind: str) -> None:
    rig.hold(1, 2, 3)
    changes = [rig.change(1), rig.rename(2, VALUES[kind]()), rig.change(3)]
    outcome = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"), max_failed=1)
    assert outcome.green, outcome.said
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}
    (line,) = lines(outcome.report["rejects"])
    assert (line["verdict"], line["position"]) == ("invalid", 2)
    assert [rig.holds(number) for number in (1, 3)] == [rig.expected(number) for number in (1, 3)]


@pytest.mark.parametrize(
    "key", ["broken \ud83d key", b"17", ("1", "2"), 10**5000, object()], ids=lambda key: type(key).__name__
)
def test_a_key_that_cannot_be_sent_harms_no_other_record(rig: Rig, tmp_path: Path, key: Any) -> None:
    rig.hold(1, 3)
    changes = [rig.change(1), {"key": key, "fields": rig.sample.fields(2)}, rig.change(3)]
    outcome = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"), max_failed=1)
    assert outcome.green, outcome.said
    assert outcome.report["pushed"] == 2
    (line,) = lines(outcome.report["rejects"])
    assert line["position"] == 2


@pytest.mark.parametrize("name", [17, None, "", ("a", "b"), "broken \ud83d"], ids=ascii)
def test_a_field_name_that_is_none_harms_no_other_record(rig: Rig, tmp_path: Path, name: Any) -> None:
    rig.hold(1, 2, 3)
    bad = {"key": rig.sample.key(2), "fields": {name: "Ada"}}
    changes = [rig.change(1), bad, rig.change(3)]
    outcome = rig.run(changes, rejects_path=str(tmp_path / "rejects.jsonl"), max_failed=1)
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}
    (line,) = lines(outcome.report["rejects"])
    assert line["position"] == 2


LINES = {
    "nested": "[" * 200_000,
    "not a number": '{"key": NaN, "fields": {"a": "b"}}',
    "a long number": '{"key": ' + "1" * 5000 + ', "fields": {}}',
    "half a character": '{"key": "2", "fields": {"\\ud83d": "\\ud83d"}}',
    "two objects": '{"key": "2"} {"key": "3"}',
    "a string": '"text"',
    "a list": '["key", "fields"]',
}


@pytest.mark.parametrize("kind", list(LINES))
def test_a_line_that_is_no_record_harms_no_other(rig: Rig, tmp_path: Path, kind: str) -> None:
    rig.hold(1, 3)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join([json.dumps(rig.change(1)), LINES[kind], json.dumps(rig.change(3))]))
    outcome = rig.run(str(path), rejects_path=str(tmp_path / "rejects.jsonl"), max_failed=1)
    assert outcome.green, outcome.said
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}
    (line,) = lines(outcome.report["rejects"])
    assert line["position"] == 2


def test_a_line_of_50_mb_harms_no_other(open_rig: OpenRig, tmp_path: Path) -> None:
    rig = open_rig("ocamba")
    rig.hold(1, 2, 3)
    changes = [rig.change(1), rig.rename(2, "x" * 50_000_000), rig.change(3)]
    path = rig.write_file(tmp_path / "rows.jsonl", changes)
    assert counts(rig.run(path).report) == {"pushed": 2, "invalid": 1}


def test_a_line_that_is_not_utf_8_harms_no_other(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1, 2, 3)
    good = [json.dumps(change).encode() for change in rig.changes(1, 3)]
    path = tmp_path / "rows.jsonl"
    path.write_bytes(good[0] + b'\n{"key": "2", "fields": {"a": "\xe9"}}\n' + good[1] + b"\n")
    outcome = rig.run(str(path), max_failed=1)
    assert counts(outcome.report) == {"pushed": 2, "invalid": 1}


def test_line_separators_of_unicode_end_no_record(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    text = "one\u2028two\x85three\x0cfour\u2029five"
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(rig.rename(1, text), ensure_ascii=False) + "\n", encoding="utf-8")
    assert counts(rig.run(str(path)).report) == {"pushed": 1}
    assert rig.holds(1)[rig.sample.text] == text


def test_line_separators_of_unicode_survive_the_rejects(rig: Rig, tmp_path: Path) -> None:
    text = "one\u2028two\x85three\x0cfour\u2029five"
    first = rig.run([rig.rename(1, text)], rejects_path=str(tmp_path / "rejects.jsonl"))
    rig.hold(1)
    assert counts(rig.run(first.report["rejects"]).report) == {"pushed": 1}
    assert rig.holds(1)[rig.sample.text] == text


def test_a_byte_order_mark_is_no_broken_line(rig: Rig, tmp_path: Path) -> None:
    rig.hold(1)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(rig.change(1)).encode() + b"\r\n")
    assert counts(rig.run(str(path)).report) == {"pushed": 1}


def test_a_source_that_breaks_is_no_success(rig: Rig) -> None:
    rig.hold(*range(5))

    def source() -> Iterator[dict[str, Any]]:
        yield from rig.changes(*range(5))
        raise RuntimeError("the warehouse went away")

    with pytest.raises(PushStopped, match="ended early") as caught:
        rig.push(source())
    assert "the warehouse went away" not in str(caught.value)  # it may repeat what was read
    assert counts(caught.value.report) == {"pushed": 5}
    for number in range(5):
        assert rig.holds(number) in (rig.expected(number), rig.sample.before(number))


# -- credentials and hosts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["\n", "\r\nX-Injected: yes", "Ω", "\x00"], ids=ascii)
def test_a_credential_that_no_header_can_hold_leaks_nowhere(rig: Rig, ending: str) -> None:
    rig.hold(1)
    rig.connect(password=rig.stand_in.secret + ending)
    outcome = rig.run(rig.changes(1), max_failed=1)
    assert rig.stand_in.secret not in outcome.said
    assert not any("x-injected" in request.headers for request in rig.stand_in.requests)
    if outcome.report.get("pushed") != 1:  # a stray line break may be taken off
        assert not outcome.green


@pytest.mark.parametrize("ending", ["/", "//"])
def test_a_host_may_end_in_a_slash(rig: Rig, ending: str) -> None:
    rig.hold(1)
    rig.connect(host=rig.stand_in.url + ending)
    assert counts(rig.push(rig.changes(1))) == {"pushed": 1}


@pytest.mark.parametrize(
    "host", ["http://", "http://bad host", "ftp://127.0.0.1", "http://[::1", "http://a:b:c"]
)
def test_a_host_that_is_no_address_is_an_error(rig: Rig, host: str) -> None:
    rig.hold(1)
    rig.hurry()
    rig.connect(host=host)
    outcome = rig.run(rig.changes(1))
    assert not outcome.green
    assert "host" in str(outcome.error) or "address" in str(outcome.error)


def test_a_connection_that_dies_between_two_requests_costs_one_retry_at_most(rig: Rig) -> None:
    rig.hold(1, 2, 3)
    rig.hurry()
    rig.stand_in.faults = [Fault(reset=True, key=rig.sample.key(2))]
    report = rig.push(rig.changes(1, 2, 3), concurrency=1)
    assert counts(report) == {"pushed": 3}
    assert report.retries == 1
