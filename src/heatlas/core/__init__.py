"""Frozen values and shared services; imports nothing else of Heatlas."""
