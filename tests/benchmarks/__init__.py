"""The benchmark: our push beside what one would write or install otherwise; `make bench` runs it."""
