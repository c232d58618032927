"""What users read is true; nothing of what is shipped."""
