"""Datasets, columns and assets of a push, for lineage and schedules."""
