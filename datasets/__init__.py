"""Samples, their units and their truth: a folder or a file per family of tasks."""
