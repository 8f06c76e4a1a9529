"""Methods that read the gradient of the target score."""
