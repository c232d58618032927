"""Everything fails at random under load, then an auditor looks whether anything was lost."""
