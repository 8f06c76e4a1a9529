"""Methods as other libraries compute them: entrants beside our own, named `method@library`."""
