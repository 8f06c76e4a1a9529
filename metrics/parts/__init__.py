"""Metrics of what is really in a picture: parts of a scene that can be taken out of it."""
