"""The pure rules of academic admission: records, eligibility, merit, and claims about a record."""
