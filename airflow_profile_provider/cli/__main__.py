"""``python -m airflow_profile_provider.cli``: our commands where Airflow takes none from providers (3.1)."""

from __future__ import annotations

import sys

from airflow_profile_provider.cli.definition import get_profiles_cli_commands


def main() -> None:
    """Run one of our commands as Airflow runs its own."""
    from airflow.__main__ import main as airflow
    from airflow.cli.cli_parser import ALL_COMMANDS_DICT

    for command in get_profiles_cli_commands():
        ALL_COMMANDS_DICT[command.name] = command
        sys.argv[1:1] = [command.name]
    airflow()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    main()
