"""Local function approximation: a simple model that stands in for the network around a sample."""
