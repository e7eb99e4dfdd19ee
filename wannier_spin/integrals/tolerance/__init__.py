"""Integrals within a tolerance: meshes one after the other, hot spots cut out of them, boxes, and their checkpoints."""
