"""The command line: `airflow profiles`."""

from airflow_profile_provider.cli.definition import get_profiles_cli_commands

__all__ = ["get_profiles_cli_commands"]
