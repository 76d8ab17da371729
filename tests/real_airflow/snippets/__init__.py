"""What README and docs show is run, page by page and in order, as a reader would."""
