"""How fast the operator is beside its peers: workloads, peers, measurement, reports.

    cases        the workloads, by name
    peers        what others do, and ours, behind one interface
    harness      interleaved rounds, medians, threads, memory
    check        every peer's numbers against ours, before time is taken
    op           the contests of one run: forward, forward + backward, backward
    scaling      time as windows, channels, maps, windows' areas, threads and levels grow
    memory       peak memory of a training step
    results      the JSON record of a run
    report       tables; plots: images
    bars         what the project promises, and whether a run keeps it
    compare      a run against a stored baseline

Nothing here is imported by the rest of the package.
"""
