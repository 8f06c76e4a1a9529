"""From records to a leaderboard: normalisation, statistics, reports; the suites and their stored results."""
