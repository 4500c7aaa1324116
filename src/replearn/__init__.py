"""Train networks as tracked experiments, and compare what they learned."""

__version__ = "0.1.0"
