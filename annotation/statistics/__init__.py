"""How a campaign comes along: read-only figures for its researchers, and each person's own."""
