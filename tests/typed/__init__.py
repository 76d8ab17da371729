"""What users write, as type checkers see it: good DAGs, and mistakes that each must be found."""
