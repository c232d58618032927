"""Who may call, how many at a time, and how it ends; nothing of what a Secret means."""
