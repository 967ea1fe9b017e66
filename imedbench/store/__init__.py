"""The store: images, masks and their index in Zarr and Parquet. FORMAT.md specifies it."""

from imedbench.store.index import part_cases
from imedbench.store.reader import Store
from imedbench.store.record import Record, StoreInfo
from imedbench.store.writer import PartWriter, create_store, finish_store, finished_parts

__all__ = [
    "PartWriter",
    "Record",
    "Store",
    "StoreInfo",
    "create_store",
    "finish_store",
    "finished_parts",
    "part_cases",
]
