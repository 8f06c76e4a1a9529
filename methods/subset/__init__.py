"""The units in the order in which a set of them grows that says most (submodular subset selection)."""
