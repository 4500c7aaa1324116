"""Analyses of finished runs; each is a command."""

import warnings

# Sacred 0.8.7 needs it, and nobody who reads the message can do anything about it.
warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
