"""On a trigger: the outbox, its watcher, and pushes of what events announce."""
