"""Controls and canaries: what every explanation must beat, and what none can."""
