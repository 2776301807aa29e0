"""What stands behind the public functions: the compiled operators and what torch is told about them."""
