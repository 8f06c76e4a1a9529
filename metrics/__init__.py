"""Evaluation metrics: a folder per family, a file per metric, or per set of scores that come from the same passes."""
