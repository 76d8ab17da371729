"""`make ui`: everything that the example DAGs need, running, to click through."""
