"""Rigs, one for each vendor that the provider registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from .rig import Rig, registered
from .samples import SAMPLES

OpenRig = Callable[[str], Rig]
LIGHTFIELD_FIELDS: dict[str, dict[str, Any]] = {
    "score": {"valueType": "NUMBER"},
    "revenue": {"valueType": "CURRENCY"},
    "seen": {"valueType": "DATETIME"},
    "vip": {"valueType": "CHECKBOX"},
    "mails": {"valueType": "EMAIL", "typeConfiguration": {"multipleValues": True}},
    "mail": {"valueType": "EMAIL", "typeConfiguration": {"multipleValues": False}},
    "phones": {"valueType": "TELEPHONE", "typeConfiguration": {"multipleValues": True}},
    "tags": {"valueType": "MULTI_SELECT"},
    "site": {"valueType": "ADDRESS"},
    "boss": {"valueType": "FULL_NAME"},
    "note": {"valueType": "TEXT"},
}


@pytest.fixture
def open_rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenRig]:
    """Set up the rig of a vendor by its connection type."""
    with ExitStack() as stack:

        def setup(conn_type: str) -> Rig:
            if conn_type not in SAMPLES:
                pytest.fail(f"{conn_type} is registered, but has no sample in samples.py")
            stand_in = stack.enter_context(SAMPLES[conn_type].stand_in())
            return Rig(conn_type, stand_in, monkeypatch)

        yield setup


@pytest.fixture(params=registered())
def rig(request: pytest.FixtureRequest, open_rig: OpenRig) -> Rig:
    """The rig of every registered vendor in turn."""
    return open_rig(request.param)


# -- one vendor, which keeps two of its sample's profiles ---------------------------------------------------


@pytest.fixture
def sonoran(open_rig: OpenRig) -> Rig:
    rig = open_rig("sonoran")
    rig.hold(1, 2)
    return rig


@pytest.fixture
def communifire(open_rig: OpenRig) -> Rig:
    rig = open_rig("communifire")
    rig.hold(1, 2)
    return rig


@pytest.fixture
def agilenow(open_rig: OpenRig) -> Rig:
    rig = open_rig("agilenow")
    rig.hold(1, 2)
    return rig


@pytest.fixture
def lightfield(open_rig: OpenRig) -> Rig:
    rig = open_rig("lightfield")
    rig.stand_in.definitions = LIGHTFIELD_FIELDS  # type: ignore[attr-defined]
    rig.hold(1, 2)
    return rig


@pytest.fixture
def ocamba(open_rig: OpenRig) -> Rig:
    rig = open_rig("ocamba")
    rig.hold(1, 2)
    return rig
