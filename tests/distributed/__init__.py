"""Airflow past one machine: Celery workers, Redis and PostgreSQL, each a process of its own."""
