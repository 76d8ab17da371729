"""Every extra is read as it was meant, or one error names it before anything is sent (kinds 15 and 21i)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import OpenRig
from acceptance.rig import Rig, counts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neighbourhood.tls import Authority
from own_airflow import AIRFLOW_VERSION

from airflow_profile_provider.errors import ConfigurationError

VENDORS = ("agilenow", "communifire", "lightfield", "ocamba", "sonoran")
NONE_AT_ALL: list[Any] = [
    "soon",
    "NaN",
    "-inf",
    "1e999",
    -1,
    "-1",
    0,
    True,
    [1],
    {"a": 1},
    10**400,
    float("1e300"),
]
WRONG: dict[str, list[Any]] = {
    "timeout": [*NONE_AT_ALL, 1e7],
    "concurrency": [*NONE_AT_ALL, 1.5, "1.5", 10**6],
    "batch_size": [*NONE_AT_ALL, 1.5],
    "verify": ["no", "yes", "/no/such/ca.pem", [], {"a": 1}, 17, "\0", "x" * 9999, __file__],
    "cert": ["/no/such.pem", ["/no/such.pem"], {"a": 1}, 17, [1], ["a", "b", "c"], "[", __file__, "\0"],
    "proxies": [
        17,
        [1],
        "{",
        "ftp://proxy",
        {"https": 17},
        {"gopher": "http://proxy:1"},
        {"http": "http://proxy:99999"},
        {"http": "http://"},
        {"http": "http://bad host:1"},
        {"all": "http://[::1"},
        {"http": "socks5://127.0.0.1:9"},
    ],
    "quota": ["None", "null", "fast", "0/1s", "10/0s", "10/99999999h", 10, True, [], {"a": 1}, "NaN/1s"],
    "quota_conn_id": [[1], {"a": 1}, "a\nb"],
}
MEANT: dict[str, list[Any]] = {
    "timeout": [5, 5.5, "5", " 5\n", "", None],
    "concurrency": [2, 2.0, "2", " 2\r\n", "", None],
    "verify": [True, "true", " True\n", 1, "1", "", None, False, "false", 0],
    "cert": ["", None, " "],
    "proxies": ["", None, {}, "{}", "none", {"https": "http://proxy:3128"}, {"https": " proxy:3128 "}],
    "quota": ["", None, " ", "none", " none\n", "99/1s", "99 / 1 s"],
    "quota_conn_id": ["", None, " "],
    "something_else": [1, [1], {"a": 1}],
}


def each(values: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(name, value) for name in values for value in values[name]]


@pytest.fixture
def rig(open_rig: OpenRig, plain_environment: pytest.MonkeyPatch) -> Rig:
    rig = open_rig("ocamba")
    rig.stand_in.probes = True
    rig.hold(1)
    return rig


def assert_named(rig: Rig, *words: str) -> None:
    """One error, from a push and from the Test button alike, and nothing was sent."""
    with pytest.raises(ConfigurationError) as refused:
        rig.hook.push(rig.changes(1))
    assert all(word in str(refused.value) for word in words), str(refused.value)
    assert rig.hook.test_connection() == (False, str(refused.value))
    assert rig.stand_in.requests == []
    assert rig.run(rig.changes(1), quota=None).for_good


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in WRONG for value in WRONG[name]], ids=ascii
)
def test_an_extra_that_cannot_be_meant_is_named(rig: Rig, name: str, value: Any) -> None:
    """Cases 15a (files that are not there) and 15c (SOCKS without PySocks) are among them."""
    rig.connect(extra={name: value, "quota": "none"} | {name: value})
    assert_named(rig, name)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name in MEANT for value in MEANT[name]], ids=ascii
)
def test_an_extra_is_read_as_it_was_meant(rig: Rig, name: str, value: Any) -> None:
    rig.connect(extra={"quota": "none"} | {name: value})
    assert counts(rig.hook.push(rig.changes(1))) == {"pushed": 1}
    assert rig.hook.test_connection()[0]


@pytest.mark.parametrize(
    "extra", ['"{\\"quota\\": \\"2/1s\\"}"', "[1]", "17", '"text"', "true", "{", "nonsense"]
)
def test_an_extra_that_is_no_object_is_told(
    rig: Rig, plain_environment: pytest.MonkeyPatch, extra: str
) -> None:
    """Case 15b: encoded twice, a list, a number, no JSON at all."""
    connection = {"conn_type": "ocamba", "host": rig.stand_in.url, "password": "secret", "extra": extra}
    plain_environment.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
    # Airflow 3.1 refuses it before we see it.
    assert_named(rig, "extra is no JSON object" if AIRFLOW_VERSION >= (3, 2) else "cannot be read")


@pytest.mark.parametrize("extra", ["", "{}", *(["  \n", "null"] if AIRFLOW_VERSION >= (3, 2) else [])])
def test_an_empty_extra_says_nothing(rig: Rig, plain_environment: pytest.MonkeyPatch, extra: str) -> None:
    connection = {"conn_type": "ocamba", "host": rig.stand_in.url, "extra": extra}
    connection["password"] = f" {rig.stand_in.secret}\r\n"
    plain_environment.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
    assert counts(rig.hook.push(rig.changes(1))) == {"pushed": 1}


@pytest.mark.parametrize(
    "connection",
    ["{", "[]", "17", '{"conn_type": "ocamba", "port": "http"}', '{"conn_type": "ocamba", "x": 1}'],
)
def test_a_connection_that_airflow_cannot_read_is_named(
    rig: Rig, plain_environment: pytest.MonkeyPatch, connection: str
) -> None:
    plain_environment.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", connection)
    assert_named(rig, "ocamba_default")


@pytest.mark.parametrize(
    "host",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://user:MarkerQuartz@127.0.0.1",
        "http://127.0.0.1?x=1",
        "http://127.0.0.1#x",
        "http://127.0.0.1/a b",
        "http://127.0.0.1\\x",
        "http://[::1",
        "http://::1:80:x",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "http://" + "a" * 300,
    ],
)
def test_a_host_that_is_no_address_is_told(rig: Rig, host: str) -> None:
    rig.connect(host=host)
    assert_named(rig, "host")
    assert "MarkerQuartz" not in rig.hook.test_connection()[1]


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_port_that_is_none_is_told(rig: Rig, port: int) -> None:
    rig.connect(host="http://127.0.0.1", port=port)
    assert_named(rig, "port")


def test_a_host_may_have_blanks_around_it(rig: Rig) -> None:
    rig.connect(host=f" {rig.stand_in.url}/ \r\n")
    assert counts(rig.hook.push(rig.changes(1))) == {"pushed": 1}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("value", [[1], {"a": 1}, "a\nb", "é", "\x00", 10**30, "no such choice\t"])
def test_a_vendors_own_extra_is_named(open_rig: OpenRig, vendor: str, value: Any) -> None:
    rig = open_rig(vendor)
    for name in sorted(rig.hook.vendor_class.extras):
        rig.connect(extra={name: value})
        try:
            report = rig.hook.push([])
        except ConfigurationError as error:
            assert name in str(error)
        else:
            assert report.received == 0
        assert isinstance(rig.hook.test_connection(), tuple)


@pytest.mark.parametrize(
    ("vendor", "extra"),
    [
        ("sonoran", {"api": " v2\n"}),
        ("sonoran", {"batch_size": " 3 "}),
        ("sonoran", {"batch_size": 3.0}),
        ("communifire", {"auth_scheme": " bearer "}),
        ("lightfield", {"api_version": "2026-03-01\n"}),
        ("agilenow", {"scope": " * "}),
    ],
)
def test_a_vendors_own_extra_is_read_as_it_was_meant(
    open_rig: OpenRig, vendor: str, extra: dict[str, Any]
) -> None:
    rig = open_rig(vendor)
    rig.connect(extra=extra)
    rig.hook.vendor()


@pytest.mark.parametrize("conn_type", [*VENDORS, "postgres", "aws", "x"])
def test_another_vendors_connection_is_refused(
    rig: Rig, plain_environment: pytest.MonkeyPatch, conn_type: str
) -> None:
    """Case 21i: a key goes to whom it belongs, and to nobody else."""
    if conn_type == "ocamba":
        return
    connection = {"conn_type": conn_type, "host": rig.stand_in.url, "password": rig.stand_in.secret}
    plain_environment.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
    assert_named(rig, conn_type, "Ocamba")


@pytest.mark.parametrize("conn_type", ["ocamba", "Ocamba", "http", "generic", None])
def test_a_connection_of_no_vendor_may_hold_any(
    rig: Rig, plain_environment: pytest.MonkeyPatch, conn_type: str | None
) -> None:
    connection = {"host": rig.stand_in.url, "password": rig.stand_in.secret}
    connection |= {"conn_type": conn_type} if conn_type else {}
    plain_environment.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
    assert counts(rig.hook.push(rig.changes(1))) == {"pushed": 1}


def test_a_key_that_wants_a_password_is_told_and_nobody_is_asked(
    rig: Rig, authority: Authority, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    mine = authority.certificate("a worker")
    key = serialization.load_pem_private_key(mine.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    rig.connect(extra={"cert": [str(mine.cert), str(locked)]})
    assert_named(rig, "cert", "password")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    ["timeout", "verify", "cert", "proxies", "concurrency", "quota", "quota_conn_id", "batch_size"]
)


@given(st.dictionaries(NAMES, ANYTHING, max_size=4), st.one_of(st.none(), st.text(max_size=20)))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_connection_is_read_or_refused_by_one_error(extra: dict[str, Any], host: str | None) -> None:
    from airflow.sdk import Connection

    from airflow_profile_provider.adapters.settings import Settings
    from airflow_profile_provider.vendors.ocamba import Ocamba

    content = {"conn_id": "x", "conn_type": "ocamba", "password": "secret", "host": host}
    try:
        found = Settings.of(Connection(**content, extra=json.dumps(extra)), Ocamba)
    except ConfigurationError as error:
        assert "'x'" in str(error)
    else:
        assert 0 < found.timeout <= 3600
        assert isinstance(found.verify, bool | str)
