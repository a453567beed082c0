"""Hexastar measured against its peers and against itself, in one run on one machine.

    make bench                          every row, ten to twelve minutes
    make bench ARGS="lookup --quick"    one row, only to see that it runs

Read the ratios, not the figures: all contestants of a row share the database, the machine and the minutes, and take
turns. Load comes from wrk, in a process of its own. The peers live in an environment of their own, `.venv-bench`,
which the first run makes.
"""
