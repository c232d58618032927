"""The words that people and Metacontroller rely on; nothing is decided here."""
