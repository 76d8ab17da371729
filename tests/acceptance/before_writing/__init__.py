"""What a push reads of a profile before it writes, and what it then leaves out."""
