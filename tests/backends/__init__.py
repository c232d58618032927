"""What is special about one store, or shared by all; `tests.conformance` has what each must do."""
