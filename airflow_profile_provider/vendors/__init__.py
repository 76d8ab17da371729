"""One module per vendor: all that is known of its API, nothing else."""
