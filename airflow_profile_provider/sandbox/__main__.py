"""``python -m airflow_profile_provider.sandbox``: serve, or print the connections that point at a server."""

from __future__ import annotations

import argparse
import contextlib
import sys

from airflow_profile_provider.sandbox.connections import shell_lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_profile_provider.sandbox", description="Serve five vendor APIs on loopback."
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["serve", "connections"],
        default="serve",
        help="serve (default), or print the five default connections for a shell",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8765)
    parser.add_argument("--profiles", type=int, default=100, metavar="N", help="profiles a vendor holds")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same profiles")
    parser.add_argument("--no-quota", action="store_true", help="lift all quotas")
    parser.add_argument("--harsh", action="store_true", help="take the harsher of two readings everywhere")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    if options.command == "connections":
        print("\n".join(shell_lines(options.port, options.host)))
        return 0
    from airflow_profile_provider.sandbox.app import App
    from airflow_profile_provider.sandbox.server import bind, make_server

    app = App(profiles=options.profiles, seed=options.seed, quota=not options.no_quota, harsh=options.harsh)
    with bind(options.host, options.port) as listening:
        host, port = listening.getsockname()
        print(f"Sandbox: http://{host}:{port}  ({', '.join(app.vendors)})", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            make_server(app).run([listening])
    return 0


if __name__ == "__main__":
    sys.exit(main())
