"""Recipes: the only place where files, science and pictures meet."""
