"""How long a step of joint training takes when only the windows that count are learned from, beside all of them.

python -m benchmarks.detection.joint_step [--data raccoon] [--steps 12] [--threads 2]

Both ways take the same steps in turn: two images, 512 windows each, the hardest 64 of which count. Writes seconds of
the processor, which a busy machine changes least, and of the clock to
benchmarks/results/detection/joint_step-PRECISION.json.
"""

from __future__ import annotations

import time
from dataclasses import replace
from statistics import median

import click
import torch

from benchmarks.data_root import find_data
from benchmarks.detection.common import RESULTS, WEIGHTS, Experiment, machine_of
from spp_ops.detection import DetectorConfig, ProposalConfig
from spp_ops.detection.joint import JointConfig
from spp_ops.detection.joint.anchors import fit_proposer
from spp_ops.detection.joint.samples import TrainingSamples
from spp_ops.detection.joint.step import JointStep
from spp_ops.detection.joint.training import parameter_groups
from spp_ops.engine.files import write_json

SCALE, IMAGES = 400, 2


@click.command()
@click.option("--data", default="raccoon", show_default=True)
@click.option("--steps", type=click.IntRange(2), default=12, show_default=True)
@click.option("--threads", type=click.IntRange(1), default=2, show_default=True)
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
def main(data: str, steps: int, threads: int, precision: str) -> None:
    """Time both ways and write the figures."""
    torch.set_num_threads(threads)
    images = Experiment.read(data).train
    config = JointConfig(images_per_step=IMAGES, scales=(SCALE,), frozen_layers=7, row_rms=0.0625)
    detector = DetectorConfig(
        images.classes,
        hidden=(),
        scales=(SCALE,),
        proposals=ProposalConfig("learned", limit=300),
        proposer=fit_proposer(images, config.scales, DetectorConfig.longest),
    )
    torch.manual_seed(0)
    net = detector.build(str(find_data(*WEIGHTS))).train()
    net.backbone.to(memory_format=torch.channels_last)
    net.head.row_scale.fill_(0.02)  # about what training measures
    parameter_groups(net, config)
    features = [detector.features(net)]
    ways = {
        "all windows": JointStep(net, features, replace(config, score_first=False)),
        "scored first": JointStep(net, features, replace(config, score_first=True)),
    }
    samples = TrainingSamples(images, None, config)
    clock: dict[str, list[float]] = {way: [] for way in ways}
    processor: dict[str, list[float]] = {way: [] for way in ways}
    for step in range(steps):
        batch = [samples[(IMAGES * step + image) % len(images)] for image in range(IMAGES)]
        for way, module in ways.items():
            begun = time.perf_counter(), time.process_time()
            resized = [module.resized(sample) for sample in batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                losses = module(resized, batch)
                loss = sum(part.mean() for part in (*losses.windows, *losses.proposals))
            loss.backward()
            net.zero_grad()
            clock[way].append(time.perf_counter() - begun[0])
            processor[way].append(time.process_time() - begun[1])
    found = {way: {"processor_seconds": median(processor[way][1:]), "seconds": median(clock[way][1:])} for way in ways}
    ratios = [old / new for old, new in zip(*(processor[way][1:] for way in ways), strict=True)]
    figures = {**found, "median_ratio_of_processor_seconds": median(ratios), "threads": threads, "images": IMAGES}
    print(precision, figures)
    write_json(RESULTS / f"joint_step-{precision}.json", figures | {"precision": precision, "machine": machine_of()})


if __name__ == "__main__":
    main()
