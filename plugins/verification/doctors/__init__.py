"""Doctor onboarding: primary source verification (PSV) of a doctor's credentials."""
