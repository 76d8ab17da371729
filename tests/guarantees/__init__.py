"""The guarantees, each with a test of its name, over every registered vendor."""
