"""However a push ends, its account is whole."""
