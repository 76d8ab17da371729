"""What was acknowledged at one address says nothing of another one."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from standins import Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.ocamba import Ocamba as OcambaVendor
from airflow_profile_provider.vendors.sonoran import Sonoran
from unit.cli.test_commands import run

from .conftest import N
from .quick import QuickHook, connections, push

ROWS = [{"id": str(n), "comment": f"is {n}", "name": f"Name {n}"} for n in range(N)]
MOVED = ("ledger", "moved", "--conn-id", "ocamba_default", "--ledger-conn-id", "ledger")


@pytest.fixture
def other(ocamba: Ocamba, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the connection name another vendor from now on, which has no comment so far."""
    push(ROWS)
    with Ocamba({str(n): {"comment": ""} for n in range(N)}) as vendor:
        for name, value in connections(vendor, store).items():
            monkeypatch.setenv(name, value)
        yield vendor


def named(vendor: Ocamba) -> str:
    return str(vendor.url).removeprefix("http://")


@pytest.mark.parametrize("action", ["push", "plan", "baseline"])
def test_another_host_is_refused_naming_both_and_the_way_on(
    ocamba: Ocamba, other: Ocamba, action: str
) -> None:
    """Case 23d."""
    with pytest.raises(ConfigurationError) as refused:
        push(ROWS, action=action)
    for word in (named(ocamba), named(other), "ledger moved", "ledger forget --all", "ocamba_default"):
        assert word in str(refused.value)
    assert other.requests == []


def test_what_a_push_refuses_explain_refuses(other: Ocamba) -> None:
    with pytest.raises(ConfigurationError, match="ledger moved"):
        QuickHook().explain("3", ROWS, key="id", fields={"comment": "comment"}, ledger_conn_id="ledger")


def test_a_target_that_moved_is_as_well_known_as_before(
    ocamba: Ocamba, other: Ocamba, capsys: pytest.CaptureFixture[str]
) -> None:
    said = f"ocamba:ocamba_default: from {named(ocamba)} to {named(other)}\n"
    assert run(capsys, *MOVED) == (0, said)
    assert push(ROWS).unchanged == N
    assert other.requests == []


def test_a_target_that_is_forgotten_begins_anew(other: Ocamba, capsys: pytest.CaptureFixture[str]) -> None:
    forget = ("ledger", "forget", "--all", "--yes", "--conn-id", "ocamba_default")
    assert run(capsys, *forget, "--ledger-conn-id", "ledger")[0] == 0
    assert push(ROWS).pushed == N
    assert push(ROWS).unchanged == N


def test_an_address_where_nothing_was_acknowledged_binds_nobody(
    ocamba: Ocamba, store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first push to a host that was mistyped."""
    with Ocamba({}) as nowhere:
        for name, value in connections(nowhere, store).items():
            monkeypatch.setenv(name, value)
        assert push(ROWS).rejected == N
    for name, value in connections(ocamba, store).items():
        monkeypatch.setenv(name, value)
    assert push(ROWS).pushed == N


def test_a_ledger_that_kept_no_address_learns_it(ocamba: Ocamba, store: dict[str, Any]) -> None:
    from airflow.sdk import Connection

    push(ROWS)
    engine = engine_of(Connection(conn_id="ledger", **store))
    asked, forgotten = (
        text(f"{what} profile_ledger_targets{more}")
        for what, more in (("select address from", ""), ("update", " set address = null"))
    )
    with engine.begin() as connection:
        connection.execute(forgotten)
    assert push(ROWS).unchanged == N
    with engine.begin() as connection:
        assert connection.execute(asked).scalar() == named(ocamba)
    engine.dispose()


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("https://api.ocamba.com", "https://API.ocamba.com:443", True),
        ("http://api.ocamba.com", "https://api.ocamba.com", True),
        ("https://api.ocamba.com", "https://test.ocamba.com", False),
        ("https://host/one", "https://host/two", False),
        ("https://host", "https://host:8443", False),
    ],
)
def test_a_place_is_host_port_and_path(one: str, two: str, same: bool) -> None:
    places = {OcambaVendor(Access(host, "", "secret", {})).place for host in (one, two)}
    assert (len(places) == 1) is same


def test_another_community_at_the_same_host_is_another_place() -> None:
    places = {Sonoran(Access("https://x", login, "secret", {})).place for login in ("one", "two", "one")}
    assert len(places) == 2
    assert not any("one" in place for place in places)
