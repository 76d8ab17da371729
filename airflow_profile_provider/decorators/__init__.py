"""The TaskFlow form of a push: ``@task.push_profiles``, and the same as a function that editors know."""

from airflow_profile_provider.decorators.taskflow import push_profiles

__all__ = ["push_profiles"]
