"""Presets: plain data, named after the paper or its first author."""
