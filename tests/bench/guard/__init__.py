"""What a look at the other Secrets costs, with this build and with an earlier one side by side."""
