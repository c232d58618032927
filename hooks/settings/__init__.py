"""The variables that set the operator; nothing acts on them here."""
