"""The real servers that the tests run against: how each is built, started, asked and ended."""
