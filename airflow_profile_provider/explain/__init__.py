"""What a push would make of one record, and why."""
