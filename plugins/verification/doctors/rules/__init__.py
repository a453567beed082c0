"""The rules of primary source verification: pure functions of a doctor's rows and a date.

`dossier` says what is known of a doctor, `policy` holds the figures that a deployment may set, `credentials` and
`history` judge one component each, `verdict` puts the findings together, `intake` says what may be registered.
"""
