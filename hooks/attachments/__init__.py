"""The Secrets beside an annotated one, and what stands in them; nothing is done on a store."""
