"""The store: images, masks and their index in Zarr and Parquet. FORMAT.md specifies it."""
