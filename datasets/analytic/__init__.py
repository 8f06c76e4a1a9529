"""Tables with hand-made networks, whose every Shapley value is a formula."""
