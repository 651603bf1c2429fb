"""Models: formulas become designs, contrasts become weights, maps become evidence."""
