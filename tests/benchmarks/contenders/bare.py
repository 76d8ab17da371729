"""What one writes by hand: loops over requests, HttpHook and aiohttp; no retry, no verdict, no quota."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from benchmarks.contenders.job import TOKEN, Job, Prepare, Run, requests_of

TIMEOUT = 30
HEADERS = {"Authorization": f"Bearer {TOKEN}"}


def loop(job: Job) -> Prepare:
    """One requests.Session, one request after the other."""
    session = requests.Session()
    session.headers.update(HEADERS)

    def prepare(number: int) -> Run:
        wanted = requests_of(job, number)

        def run() -> int:
            done = 0
            for method, address, body, records in wanted:
                session.request(method, address, json=body, timeout=TIMEOUT).raise_for_status()
                done += records
            return done

        return run

    return prepare


def threads(job: Job) -> Prepare:
    """One requests.Session with a pool as large as the number of threads."""
    in_flight = job.in_flight or 1
    session = requests.Session()
    session.headers.update(HEADERS)
    session.mount("http://", HTTPAdapter(pool_maxsize=in_flight))

    def send(one: tuple[str, str, dict[str, Any], int]) -> int:
        method, address, body, records = one
        session.request(method, address, json=body, timeout=TIMEOUT).raise_for_status()
        return records

    def prepare(number: int) -> Run:
        wanted = requests_of(job, number)

        def run() -> int:
            with ThreadPoolExecutor(in_flight) as pool:
                return sum(pool.map(send, wanted))

        return run

    return prepare


def http_hook(job: Job) -> Prepare:
    """HttpHook.run in a loop, one hook; the connection comes from the environment."""
    os.environ["AIRFLOW_CONN_HTTP_DEFAULT"] = json.dumps({"conn_type": "http", "host": job.url})
    from airflow.providers.http.hooks.http import HttpHook

    def prepare(number: int) -> Run:
        wanted = requests_of(job, number)

        def run() -> int:
            hooks = {method: HttpHook(method=method) for method in ("PATCH", "POST")}
            done = 0
            for method, address, body, records in wanted:
                endpoint = address.removeprefix(f"{job.url}/")
                hooks[method].run(
                    endpoint,
                    data=json.dumps(body),
                    headers={**HEADERS, "Content-Type": "application/json"},
                    extra_options={"timeout": TIMEOUT},
                )
                done += records
            return done

        return run

    return prepare


def aiohttp_loop(job: Job) -> Prepare:
    """As many coroutines as requests in flight: the ceiling."""
    import aiohttp

    async def send_all(wanted: Iterator[tuple[str, str, dict[str, Any], int]]) -> int:
        done = 0
        async with aiohttp.ClientSession(
            headers=HEADERS,
            connector=aiohttp.TCPConnector(limit=job.in_flight or 1),
            timeout=aiohttp.ClientTimeout(TIMEOUT),
            raise_for_status=True,
        ) as session:

            async def worker() -> None:
                nonlocal done
                for method, address, body, records in wanted:
                    async with session.request(method, address, json=body) as answer:
                        await answer.read()
                    done += records

            await asyncio.gather(*(worker() for _ in range(job.in_flight or 1)))
        return done

    def prepare(number: int) -> Run:
        wanted = requests_of(job, number)
        return lambda: asyncio.run(send_all(iter(wanted)))

    return prepare
