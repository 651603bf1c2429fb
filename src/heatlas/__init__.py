"""Heatlas turns medical images into heat maps that can be trusted."""

__version__ = "0.1.0"
