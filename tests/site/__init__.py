"""The published documents, as a reader's browser shows them: `make site-check`."""
