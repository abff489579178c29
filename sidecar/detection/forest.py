"""Isolation forests (Liu, Ting, Zhou: Isolation Forest, ICDM 2008), fitted by scikit-learn, as arrays."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sidecar.detection.rows import Rows

TREES = 50
SUB_SAMPLE = 128
NODES = 2 * SUB_SAMPLE - 1
"""The most nodes that a tree grown on a sub-sample can have."""


@dataclass(frozen=True, slots=True)
class Forests(Rows):
    """One forest per series, as arrays over (series, trees, nodes); a leaf is its own child.

    Attributes:
        feature: uint8, the feature a node splits on.
        threshold: float32, a row goes left where its feature is at most this.
        left: int16, child node.
        right: int16, child node.
        path_length: float32, of a leaf: its depth plus the mean path length of the rows that ended in it.
    """

    feature: NDArray[np.uint8]
    threshold: NDArray[np.float32]
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    path_length: NDArray[np.float32]

    @classmethod
    def empty(cls, series: int) -> "Forests":
        """Forests of a single leaf each, for series that have none yet."""
        shape = (series, TREES, NODES)
        return cls(
            np.zeros(shape, np.uint8),
            np.zeros(shape, np.float32),
            np.zeros(shape, np.int16),
            np.zeros(shape, np.int16),
            np.zeros(shape, np.float32),
        )

    def fit_row(self, row: int, features: NDArray[np.float64], seed: int) -> int:
        """Fits the forest of one row on features of shape (samples, features); returns its sub-sample size."""
        # Here and not at the top: scikit-learn triples the memory of a process that never fits.
        from sklearn.ensemble import IsolationForest  # noqa: PLC0415

        size = min(SUB_SAMPLE, len(features))
        model = IsolationForest(n_estimators=TREES, max_samples=size, random_state=seed).fit(features)
        for tree, estimator in enumerate(model.estimators_):
            nodes = estimator.tree_
            n = nodes.node_count
            leaf = nodes.children_left < 0
            here = np.arange(n)
            self.feature[row, tree, :n] = np.where(leaf, 0, nodes.feature)
            self.threshold[row, tree, :n] = nodes.threshold
            self.left[row, tree, :n] = np.where(leaf, here, nodes.children_left)
            self.right[row, tree, :n] = np.where(leaf, here, nodes.children_right)
            self.path_length[row, tree, :n] = node_depths(nodes.children_left, nodes.children_right)
            self.path_length[row, tree, :n] += mean_path_length(nodes.n_node_samples)
        return size

    def mean_path(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean path length over the trees, for features of shape (series, steps, features); shape (series, steps)."""
        series, steps, _ = features.shape
        row = np.arange(series)[:, None, None]
        tree = np.arange(TREES)[None, :, None]
        step = np.arange(steps)[None, None, :]
        # Compared in float32 as scikit-learn does, or a value equal to a threshold would fall to the other side.
        narrow = features.astype(np.float32)
        node = np.zeros((series, TREES, steps), np.int16)
        while True:
            goes_left = narrow[row, step, self.feature[row, tree, node]] <= self.threshold[row, tree, node]
            child = np.where(goes_left, self.left[row, tree, node], self.right[row, tree, node])
            if np.array_equal(child, node):
                break
            node = child
        mean: NDArray[np.float64] = self.path_length[row, tree, node].mean(axis=1, dtype=np.float64)
        return mean


def node_depths(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
    """Depth of each node below the root; children stand behind their parent, a leaf has -1."""
    depth = np.zeros(len(left))
    for node in range(len(left)):
        if left[node] >= 0:
            depth[left[node]] = depth[right[node]] = depth[node] + 1
    return depth


def mean_path_length(samples: NDArray[np.int64]) -> NDArray[np.float64]:
    """c(n), the mean path length of an unsuccessful search among n samples (Liu et al. 2008, equation 1)."""
    n = samples.astype(np.float64)
    many = 2 * (np.log(np.maximum(n - 1, 1)) + np.euler_gamma) - 2 * (n - 1) / np.maximum(n, 1)
    length: NDArray[np.float64] = np.where(n > 2, many, np.where(n == 2, 1.0, 0.0))  # noqa: PLR2004
    return length
