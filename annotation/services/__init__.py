"""What can be done to campaigns, questions, proposals, corrections and picks, one module per noun."""
