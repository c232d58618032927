"""How many Secrets one platform can have: all of them synced again, and what that takes."""
