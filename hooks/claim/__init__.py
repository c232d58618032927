"""From a Secret's data to a claim, by the rules; nothing asks a store or Kubernetes."""
