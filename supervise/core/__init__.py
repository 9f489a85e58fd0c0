"""Decides. No file, no clock, no process, no trio: ``now`` is an argument."""
