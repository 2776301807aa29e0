"""Images and, built on them, data sets."""

from spp_ops.datasets.decoding import ImageError, ImageRules
from spp_ops.datasets.detection import DetectionImages, Objects
from spp_ops.datasets.folders import read_folders
from spp_ops.datasets.formats.coco import read_coco_detection
from spp_ops.datasets.formats.coco_categories import read_coco_categories
from spp_ops.datasets.formats.csv_boxes import read_csv_detection
from spp_ops.datasets.formats.voc import read_voc_detection
from spp_ops.datasets.formats.voc_classification import read_voc_classification
from spp_ops.datasets.formats.yolo import read_yolo_detection
from spp_ops.datasets.image import (
    IMAGENET_NORMALIZATION,
    PAPER_NORMALIZATION,
    Normalization,
    load_image,
    to_tensor,
)
from spp_ops.datasets.labeled import LabeledImages, TaggedImages
from spp_ops.datasets.reading import read_detection

__all__ = [
    "IMAGENET_NORMALIZATION",
    "PAPER_NORMALIZATION",
    "DetectionImages",
    "ImageError",
    "ImageRules",
    "LabeledImages",
    "Normalization",
    "Objects",
    "TaggedImages",
    "load_image",
    "read_coco_categories",
    "read_coco_detection",
    "read_csv_detection",
    "read_detection",
    "read_folders",
    "read_voc_classification",
    "read_voc_detection",
    "read_yolo_detection",
    "to_tensor",
]
