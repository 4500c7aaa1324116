"""Measurements for docs/benchmarks.md: functions that return the rows of a table."""
