"""The page in Airflow's UI: what became of pushes, read from Airflow's database and from ledgers."""
