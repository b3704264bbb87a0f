"""Any topology as a drawing: SVG that a notebook shows. It reads the plan and runs nothing."""

from ottla.streams.drawing.picture import Drawing, draw

__all__ = ["Drawing", "draw"]
