"""`make demo`: five sandboxed vendors, and what they hold after the nights of a real Airflow."""
