"""What goes wrong on the way, one fault at a time: what the report must say, and what the vendor holds."""
