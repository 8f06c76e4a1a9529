"""Methods that hide parts of the input and watch the score."""
