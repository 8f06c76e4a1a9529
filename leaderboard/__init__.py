"""From records to a leaderboard: normalisation, statistics, reports; the suites and their stored results."""

from pathlib import Path

SUITES = Path(__file__).with_name("suites")
"""The files of the shipped suites."""
