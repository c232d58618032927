"""How fast it is, against the least that the same work could cost on the same machine."""
