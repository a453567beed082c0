"""Insurance claims: diagnoses turned into ICD-10-CM codes, reviews, payouts and notifications."""
