"""The database of runs: server, observer, command line, queries."""
