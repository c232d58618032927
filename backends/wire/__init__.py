"""What the stores are spoken to with: signatures, bodies, connections; nothing of one store."""
