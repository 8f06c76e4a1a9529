"""Methods that add up gradients on a path from a reference to the input."""
