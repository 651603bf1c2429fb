"""The version of Heatlas, below everything that writes it into provenance."""

__version__ = "0.1.0"
