"""Verification: primary source verification of doctors, academic records and insurance claims."""
