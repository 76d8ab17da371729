"""What only a running Airflow can show."""
