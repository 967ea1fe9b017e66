"""Networks under the common protocol of `imedbench.models.base`."""
