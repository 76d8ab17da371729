"""From a row to a change, and from changes to a queue; no I/O."""
