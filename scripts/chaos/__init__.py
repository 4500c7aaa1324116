"""Sweeps under which workers, runs, drivers and the database are killed: `python -m chaos`."""
