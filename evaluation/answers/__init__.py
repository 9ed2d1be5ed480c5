"""How answers are shown to raters: one neutral style, and the screen for what would give an arm away."""
