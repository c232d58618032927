"""What a person types, and what it shows; nothing that a hook call needs."""
