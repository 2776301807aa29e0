"""Detectors: what they are made of, how they run, how they are kept."""
