"""Seeds that make a random draw depend on what it is for, and on nothing drawn before it."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a random draw is for.

    The numbers go into the seeds: a saved run goes on to the same result only while they stay as they are, and two
    purposes with one number would draw the same. A new purpose takes a number that none has had.
    """

    CLASSIFIER_ORDER = 0  # of the images of an epoch
    CLASSIFIER_SIZE = 1  # of an epoch's inputs
    CLASSIFIER_IMAGE = 2  # augmentation of an image in an epoch
    CLASSIFIER_NOISE = 3  # dropout in a step
    CLASSIFIER_WEIGHTS = 4
    BENCHMARK = 7  # whatever a benchmark draws
    STAGED_ORDER = 11  # of the images that give windows
    STAGED_WINDOWS = 12  # of a batch
    STAGED_HEAD = 13  # weights of the layers to be fine-tuned
    STAGED_NOISE = 14  # dropout in a batch
    STAGED_NORMS = 15  # the windows that the size of rows is measured on
    STAGED_WEIGHTS = 16  # of the network without its head
    JOINT_ORDER = 21  # of the images of an epoch
    JOINT_IMAGE = 22  # windows and augmentation of an image in an epoch
    JOINT_NOISE = 23  # dropout in a step
    JOINT_WEIGHTS = 24


def seed_of(seed: int, purpose: Purpose, *numbers: int) -> int:
    """Return a seed for torch.

    Args:
        seed: of the run.
        purpose: what is drawn.
        numbers: which one of its kind: an epoch, a step, a row.
    """
    sequence = np.random.SeedSequence((seed, int(purpose), *numbers))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
