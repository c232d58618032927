"""What may be taken over and who else claims it; nothing is changed from here."""
