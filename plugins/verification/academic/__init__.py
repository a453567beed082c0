"""Academic admission: students and their records, eligibility, merit, and claims about a record."""
