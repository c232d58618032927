"""One call, from a Secret to its answer; nothing of HTTP, nothing of one store alone."""
