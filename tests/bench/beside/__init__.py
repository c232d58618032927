"""What a call costs, with this build and with an earlier one side by side."""
