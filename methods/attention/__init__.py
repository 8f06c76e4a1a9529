"""What the tokens of a transformer attend to, and what that does to the score."""
