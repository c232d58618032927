"""RustFS: all that is special about it; nothing of another store or of Kubernetes."""
