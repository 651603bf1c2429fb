"""Judging evidence: the linear model, permutations, corrections, effect sizes, clusters."""
