"""A soak: a million records through a sandbox with troubles, until every one of them has arrived."""
