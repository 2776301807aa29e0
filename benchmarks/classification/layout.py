"""A step of `train-classifier`, each pixel's channels together in memory, and plane by plane; a head of one layer.

    python -m benchmarks.classification.layout [--arch squeezenet1_0] [--size 224] [--batch 32] [--rounds 5]

Both take turns on the same images; printed are the processor time of each (medians) and how many times faster
channels-last is.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from spp_ops.classification.config import NetworkConfig

LAYOUTS = {"channels last": torch.channels_last, "planes": torch.contiguous_format}


def main() -> None:
    """Measure, and print a line a layout."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", default="squeezenet1_0")
    for name, default in (("size", 224), ("batch", 32), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.manual_seed(0)
    net = NetworkConfig(options.arch, hidden=()).build(2).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    pixels = torch.randint(256, (options.batch, 3, options.size, options.size), dtype=torch.uint8)
    labels = torch.randint(2, (options.batch,))
    seconds: dict[str, list[float]] = {name: [] for name in LAYOUTS}
    for round_ in range(options.rounds + 1):
        for name, layout in LAYOUTS.items():
            net.to(memory_format=layout)
            begun = time.process_time()
            images = net.normalization(pixels.to(torch.float32, memory_format=layout))
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()
            if round_:  # the first one warms up
                seconds[name].append(time.process_time() - begun)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.2f} s of processor time a step, {options.batch / median:.1f} images a second")
    print(f"channels last is {medians['planes'] / medians['channels last']:.2f} times as fast")


if __name__ == "__main__":
    main()
