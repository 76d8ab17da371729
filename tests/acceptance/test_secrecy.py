"""No credential, profile value or e-mail key in logs, exceptions or the report."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from standins import AgileNow, Fault
from structlog.testing import capture_logs

from .rig import Outcome, Rig, counts

VALUES = ["Zanzibar-Quartz", "zq-mail@private.example", "MarkerQuartz"]


def troubled(rig: Rig) -> list[dict[str, Any]]:
    """Changes with secret values that end in as many ways as one push allows."""
    rig.hold(*range(8))
    rig.hurry()
    status, body = rig.sample.refusal
    mine, echo = rig.sample, f"bad value Zanzibar-Quartz-{status}"
    rig.stand_in.faults = [
        Fault(status, body, key=mine.key(1), times=None),
        Fault(503, echo, {"Retry-After": "0"}, key=mine.key(2)),
        Fault(drop=True, key=mine.key(3)),
        Fault(422, echo, key=mine.key(4)),
    ]
    return [
        *(rig.rename(number, f"Zanzibar-Quartz-{number}") for number in range(5)),
        rig.rename(0, "zq-mail@private.example"),
        rig.nobody(),
        {"key": mine.key(5), "fields": mine.invalid},
        {"key": mine.key(6), "fields": mine.misshapen},
        {"key": "zq-mail@private.example", "fields": mine.fields(7)},
        {"key": {"Zanzibar-Quartz": 1}, "fields": mine.fields(7)},
        {"key": mine.key(7), "fields": {"Zanzibar Quartz": {"a"}}},
        "Zanzibar-Quartz is no record",
    ]


def everything_said(
    rig: Rig, changes: Any, caplog: pytest.LogCaptureFixture, capfd: Any, **options: Any
) -> tuple[Outcome, str]:
    """Run the operator and return all that it logged, printed, raised and reported."""
    with caplog.at_level(logging.INFO), capture_logs() as structured:
        outcome = rig.run(changes, **options)
    printed = capfd.readouterr()
    logged = "\n".join(f"{record.getMessage()} {record.exc_text or ''}" for record in caplog.records)
    said = [logged, repr(structured), printed.out, printed.err, outcome.said, json.dumps(outcome.xcoms)]
    return outcome, "\n".join(said)


def assert_nothing_leaks(rig: Rig, said: str) -> None:
    secrets = [rig.stand_in.secret, *VALUES]
    if isinstance(rig.stand_in, AgileNow):
        secrets += list(rig.stand_in._tokens)
    assert [secret for secret in secrets if secret in said] == []


def test_g7_nothing_leaks_from_a_troubled_push(
    rig: Rig, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    changes = troubled(rig)
    outcome, said = everything_said(rig, changes, caplog, capfd)
    held = counts(outcome.report)
    assert held["invalid"] >= 3
    assert held["rejected"] >= 2
    assert not outcome.green
    assert_nothing_leaks(rig, said)


def test_g7_nothing_leaks_when_the_push_stops(rig: Rig, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    rig.hold(1)
    rig.stand_in.faults = [Fault(401, "key zq-mail@private.example is bad", on="any", times=None)]
    outcome, said = everything_said(rig, [rig.rename(1, "Zanzibar-Quartz")], caplog, capfd)
    assert not outcome.green
    assert_nothing_leaks(rig, said)


def test_g7_an_e_mail_key_is_a_value(rig: Rig, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    if not rig.sample.email_key_type:
        pytest.skip("no identifier of this vendor is an e-mail address")
    rig.hold(1)
    rig.hurry()
    rig.holds(1)[rig.sample.email_field] = "zq-mail@private.example"
    keys = ["zq-mail@private.example", "nobody-zq-mail@private.example"]
    changes = [{"key": key, "fields": rig.sample.fields(1)} for key in keys]
    rig.stand_in.faults = [Fault(drop=True)]
    outcome, said = everything_said(rig, changes, caplog, capfd, key_type=rig.sample.email_key_type)
    assert counts(outcome.report) == {"pushed": 1, "rejected": 1}
    assert_nothing_leaks(rig, said)


def test_a_refusal_is_named_by_its_position_in_the_log(
    rig: Rig, caplog: pytest.LogCaptureFixture, capfd: Any
) -> None:
    rig.hold(*range(40))
    changes = rig.changes(*range(40))
    changes.insert(36, rig.nobody())
    _, said = everything_said(rig, changes, caplog, capfd)
    assert "37" in said


def test_the_credential_is_sent_to_the_vendor_alone_and_never_in_an_address(rig: Rig) -> None:
    rig.hold(1)
    rig.push(rig.changes(1))
    for request in rig.stand_in.requests:
        assert rig.stand_in.secret not in f"{request.path}{request.query}"


def test_a_hook_and_an_operator_show_no_secret(rig: Rig) -> None:
    hook = rig.hook
    hook.push([], quota="none")
    operator = rig.operator_class(task_id="push", records=[rig.rename(1, "Zanzibar-Quartz")])
    assert rig.stand_in.secret not in f"{hook!r} {vars(hook)!r} {operator!r}"
    rendered = [getattr(operator, name) for name in type(operator).template_fields]
    assert "Zanzibar-Quartz" not in repr(rendered)
