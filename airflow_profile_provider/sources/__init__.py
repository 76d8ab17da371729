"""Where rows come from: files, queries, an outbox, and the keys that choose among them."""
