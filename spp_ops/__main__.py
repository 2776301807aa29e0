"""`python -m spp_ops` is the command `spp-ops`."""

from spp_ops.cli import main

if __name__ == "__main__":
    main(prog_name="spp-ops")
