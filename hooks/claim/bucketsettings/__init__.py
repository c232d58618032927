"""What a Secret says of its bucket's settings: read and checked, one file a setting."""
