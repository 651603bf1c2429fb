"""Cleaning and quality control."""
