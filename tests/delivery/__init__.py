"""What is shipped and what ships it: image, wheel, manifests, workflows."""
