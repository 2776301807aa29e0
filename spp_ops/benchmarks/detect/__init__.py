"""Seconds a photo, from its file to boxes: our detector beside detectors that people would take in its place.

setting      the detector and the photos
contestants  what is timed, behind one interface; ours and peers
parts        where our seconds go
memory       peak memory of a large photo
run          all of it, in turns
results      the record; report: its tables; images: its picture
"""
