"""Methods that carry something else than the gradient backward: one rule for every operation of the network."""
