"""The open workbench for interactive medical image segmentation."""

__version__ = "0.1.0"
