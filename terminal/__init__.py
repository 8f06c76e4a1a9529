"""The command line's verbs, tables for people, and plain data for scripts."""
