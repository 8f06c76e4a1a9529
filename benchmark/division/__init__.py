"""Dividers: how an input is cut into regions."""
