"""What Airflow has, in the form in which the engine takes it."""
