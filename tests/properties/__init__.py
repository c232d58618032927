"""What holds for every Secret, every body and every order of events, not for examples alone."""
