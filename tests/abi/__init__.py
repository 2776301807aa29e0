"""One binary under two releases of PyTorch, compared bit for bit: `python -m tests.abi`, or `make abi-check`.

The extension is built once, against the oldest release that the package supports, in an environment of its own below
build/abi; that very file then runs under the oldest release and under the one that runs this command.
"""
