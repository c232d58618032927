"""What outside software does, seen on the real programs without any code of the product's."""
