"""Scores that are declared descriptive are those that do not tell the truth from its opposite by themselves."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from heatproof.benchmark import Metric, metrics
from heatproof.benchmark.checks import metric_checks

DESCRIPTIVE = [(name, score) for name in metrics for score in metrics[name].descriptive]


def by_itself(metric: Metric, score: str) -> Metric:
    """Return a metric that is judged by one of its scores, whatever it declares."""
    reads = {score: metric.reads_of(score)}
    better: Mapping[str, str] = {score: metric.directions[score]}
    return replace(metric, better=better, reads=reads, descriptive=())  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "score"), DESCRIPTIVE)
def test_what_is_declared_descriptive_does_not_tell_the_truth_by_itself(name: str, score: str) -> None:
    checks = [check for title, check in metric_checks(by_itself(metrics[name], score)) if "truth_first" in title]
    assert [found for check in checks if not (found := check()).passed]


def test_what_reads_magnitudes_is_said_of_each_score() -> None:
    """Their signed opposite has the same score, and would fail what a score that reads signs passes."""
    for name, score in (("part_agreement", "rank_agreement"), ("unit_effects", "monotonicity_correlation")):
        signed = replace(by_itself(metrics[name], score), reads="signed")
        found = [check() for title, check in metric_checks(signed) if "truth_first" in title]
        assert [check.passed for check in found] == [False, False]
