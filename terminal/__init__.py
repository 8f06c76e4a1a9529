"""What the command line says: verbs, tables for people, plain data for scripts."""
