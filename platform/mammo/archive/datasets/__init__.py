"""Importers of public data sets: each module reads one set's folders and tables, and says nothing about storing."""

from mammo.archive.datasets import cbis, cmmd, embed, inbreast, rsna, vindr
from mammo.archive.datasets.dataset import DataSet, Labelled, Result

DATASETS: dict[str, DataSet] = {
    module.DATASET.name: module.DATASET for module in (vindr, rsna, cbis, inbreast, embed, cmmd)
}

__all__ = ["DATASETS", "DataSet", "Labelled", "Result"]
