"""Class activation maps: an inner layer's activation, weighted."""
