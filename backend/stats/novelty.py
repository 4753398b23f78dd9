"""How unlike an image is to others, by the cosine distance of embeddings. Pure.

Embeddings of one model version can be compared, those of two cannot. Each version's distances are therefore
told as multiples of what is usual between two images there: the median over pairs. So measured, an image may
be near one by one version's embeddings and near another one by another's.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Novelty is 1/2 at this multiple of the usual distance: in the demo's scenes the next most similar scene is
# about so far away.
HALF = 0.15
# Up to this multiple two images are taken for the same scene: the demo's scenes with other noise, light or
# compression, or moved by some pixels, are mostly nearer, and no two scenes are.
NEAR = 0.05
# Images of which all pairs are looked at for the usual distance.
_MOST_USUAL = 400

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Space:
    """One version's embeddings: `vectors` are unit vectors, (n, d), of the candidates at `places`."""

    places: NDArray[np.intp]
    vectors: NDArray[np.float32]
    usual: float

    def distances(self, others: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return each candidate's distance to the nearest of others, (m, d), in multiples of the usual."""
        nearest = 1 - (self.vectors @ others.T).max(axis=1).astype(np.float64)
        # What floats leave of equal vectors is no distance.
        return np.where(nearest < 1e-6, 0, nearest) / self.usual


class Neighbourhood:
    """Candidates, and how far each is from the nearest image that is labelled or was chosen.

    Args:
        candidates: Each candidate's embeddings by version: unit vectors, none where it has none.
        labelled: Embeddings of labelled images by version.
    """

    def __init__(
        self, candidates: Sequence[Mapping[str, Vector]], labelled: Mapping[str, Sequence[Vector]]
    ) -> None:
        self._spaces = _spaces(candidates, labelled)
        self._is_known = np.array([bool(each) for each in candidates], bool)
        self._to_labelled = np.full(len(candidates), np.inf)
        self._to_chosen = np.full(len(candidates), np.inf)
        for (version, size), space in self._spaces.items():
            images = [each for each in labelled.get(version, ()) if each.size == size]
            if images:
                self._bring_nearer(self._to_labelled, space, np.stack(images))

    def novelty(self) -> NDArray[np.float64]:
        """Return each candidate's novelty in [0, 1]: 1 where nothing is comparable, NaN where not known."""
        nearest = np.minimum(self._to_labelled, self._to_chosen)
        novelty = np.ones_like(nearest)
        is_near = np.isfinite(nearest)
        novelty[is_near] = nearest[is_near] / (nearest[is_near] + HALF)
        return np.where(self._is_known, novelty, np.nan)

    def is_like_chosen(self) -> NDArray[np.bool_]:
        """Return which candidates show the same scene as one that was chosen, itself included."""
        return self._to_chosen <= NEAR

    def choose(self, place: int) -> None:
        """Take a candidate, given by its place, as chosen."""
        for space in self._spaces.values():
            own = space.vectors[space.places == place]
            if len(own):
                self._bring_nearer(self._to_chosen, space, own)

    @staticmethod
    def _bring_nearer(nearest: NDArray[np.float64], space: _Space, images: NDArray[np.float32]) -> None:
        nearest[space.places] = np.minimum(nearest[space.places], space.distances(images))


def _spaces(
    candidates: Sequence[Mapping[str, Vector]], labelled: Mapping[str, Sequence[Vector]]
) -> dict[tuple[str, int], _Space]:
    """Return the embeddings by version, and by their size, in which nothing else can be compared."""
    found: dict[tuple[str, int], list[tuple[int, Vector]]] = defaultdict(list)
    for place, embeddings in enumerate(candidates):
        for version, vector in embeddings.items():
            found[version, vector.size].append((place, vector))
    spaces = {}
    for (version, size), members in found.items():
        vectors = np.stack([vector for _, vector in members]).astype(np.float32)
        others = [each for each in labelled.get(version, ()) if each.size == size]
        usual = _usual_distance([*vectors, *others])
        spaces[version, size] = _Space(np.array([place for place, _ in members]), vectors, usual)
    return spaces


def _usual_distance(vectors: Sequence[Vector]) -> float:
    """Return the median distance of two images, of a sample spread evenly; 1 where it is not known or 0."""
    step = -(-len(vectors) // _MOST_USUAL)
    sample = np.stack(vectors[::step])
    pairs = np.triu_indices(len(sample), 1)
    distances = (1 - sample @ sample.T)[pairs]
    usual = float(np.median(distances)) if distances.size else 0.0
    return usual if usual > 1e-6 else 1.0
