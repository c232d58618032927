"""The Kubernetes API, asked on rare paths only; nothing of what a Secret claims."""
