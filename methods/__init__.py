"""Attribution methods: a folder per family, a file per method."""
