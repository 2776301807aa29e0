"""Average precision by the rules of VOC and COCO, and reports of it."""
