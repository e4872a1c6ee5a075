"""Measurements: each compares in one run, interleaved, pinned to one core where the system can, and prints ratios."""
