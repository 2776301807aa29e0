"""How good detections are: average precision by the rules of VOC and COCO; as tables, curves and JSON."""

from spp_ops.detection.evaluation.coco_ap import CocoAP, coco_ap
from spp_ops.detection.evaluation.evaluate import DetectionEvaluation, evaluate_detections
from spp_ops.detection.evaluation.report import class_table, evaluation_data, evaluation_table, save_curves
from spp_ops.detection.evaluation.voc_ap import PrecisionRecall, precision_recall

__all__ = [
    "CocoAP",
    "DetectionEvaluation",
    "PrecisionRecall",
    "class_table",
    "coco_ap",
    "evaluate_detections",
    "evaluation_data",
    "evaluation_table",
    "precision_recall",
    "save_curves",
]
