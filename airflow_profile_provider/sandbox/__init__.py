"""The sandbox: the five vendor APIs on one loopback port, read from their public pages alone.

Command line::

    python -m airflow_profile_provider.sandbox --port 8765 [--host 127.0.0.1] [--profiles 100] [--seed 1]
                                               [--no-quota] [--harsh]
    python -m airflow_profile_provider.sandbox connections --port 8765

In a test::

    from airflow_profile_provider.sandbox import serve

    with serve(profiles=100, quota=False) as sandbox:
        sandbox.connections()["ocamba_default"]      # Airflow's connection JSON
        sandbox.profiles("ocamba")                   # {key: fields}
        sandbox.faults("ocamba", "lost", times=1)    # the next request is carried out and not answered
        sandbox.requests("ocamba")["by_status"]      # {"204": 48, "400": 1, "lost": 1}

Signatures:

``serve(port=0, *, host="127.0.0.1", profiles=100, seed=1, quota=True, harsh=False)``: a context manager that
yields a ``Sandbox``. ``quota=False`` lifts all quotas; ``harsh=True`` takes the harsher reading of every open
question.

``Sandbox``: ``url`` · ``host`` · ``port`` · ``stop()`` · ``connections()`` · ``profiles(vendor)`` ·
``profile(vendor, key)`` · ``edit(vendor, profiles)`` · ``trash(vendor, *keys)`` ·
``merge(vendor, key, into)`` · ``load(vendor, profiles, *, identifiers={}, relationships={}, definitions={},
replace=True)`` · ``keys(vendor)`` · ``relationships(vendor)`` · ``requests(vendor, last=None)`` ·
``forget_requests(vendor)`` · ``faults(vendor=None, kind="status", **match)`` · ``show_faults()`` ·
``clear_faults()`` · ``settings(vendor=None, **changes)`` · ``reset()`` · ``advance(seconds)`` ·
``freeze(frozen=True)`` · ``control(method, path, document=None)``. Vendors go by their connection types:
sonoran, communifire, agilenow, lightfield, ocamba.

A key is the vendor's first identifier (accId, UserID, Id, id); ``keys`` gives the others. What the fields of
a profile are: Sonoran, profile fields by their id; Communifire, labels, with Email and Username among them
and every value a string; Agile.Now, the account in its request form; Lightfield, bare values by field key;
Ocamba, the seven.

Further reading: ``control`` (the endpoints under /_sandbox), ``faults`` (kinds and matching), ``readings``
(where a page leaves two readings: the table of settings), ``quota`` (windows), ``connections`` (credentials).
Settings beside the readings: ``latency`` (seconds before every answer), ``quota`` (true, false, or limits by
name: {"C": [[10, 1], [150, 60]]}), ``window`` ("fixed", "sliding"); each vendor's ``defaults`` holds its own.
"""

from __future__ import annotations

from airflow_profile_provider.sandbox.connections import connections
from airflow_profile_provider.sandbox.server import Refused, Sandbox, serve

__all__ = ["Refused", "Sandbox", "connections", "serve"]
