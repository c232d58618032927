"""What a Secret says of its bucket's settings."""
