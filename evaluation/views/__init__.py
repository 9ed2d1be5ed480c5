"""Pages of evaluation: trials for those who design and analyse, forms for those who score."""
