"""The main job on a photo, and the detector of digits that is shipped."""
