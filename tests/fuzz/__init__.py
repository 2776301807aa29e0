"""A long random fuzz of the Python entry points and of the operators: `python -m tests.fuzz --seconds 600`.

Every case follows from its seed alone, so a failure is repeated by `--seed N --cases 1`.
"""
