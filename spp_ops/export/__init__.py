"""Whole models as one graph: from the pixels of an image of any size to the results, for use without this package."""

from spp_ops.export.files import GRAPH_FORMATS, GraphFormat, Interface, write_graph
from spp_ops.export.loading import Graph, load_graph

__all__ = ["GRAPH_FORMATS", "Graph", "GraphFormat", "Interface", "load_graph", "write_graph"]
