"""Generated masks are brought to the grain of the truth, and tidied.

Section 3.2 of the IMed-361M paper, "Quality control and granularity management". The paper speaks of one generated
label map; here generated masks may overlap and nest, so a truth mask does not replace all that lies under it. One of
several components (bowel, ribs) replaces what it covers, which is its fragments. One of a single component replaces the
other versions of itself; finer masks inside it (vessels in a liver) and larger ones around it are objects of their own.
"""

from dataclasses import dataclass, replace

import numpy as np

from imedbench.build.regions import box_overlaps
from imedbench.masks import Masks
from imedbench.types import Mask

BOX_OVERLAP = 0.95
COVERED = 0.5
"""A fragment of a truth mask has more than this share of its voxels in it."""
SAME = 0.5
"""Another version of a truth mask has more than this intersection over union with it."""


@dataclass(frozen=True, slots=True, eq=False)
class Corrected:
    """What correction leaves."""

    from_truth: Masks
    """Copies of truth masks, as interactive ones."""
    generated: Masks
    """The generated masks that stay."""

    def tidied(self) -> Masks:
        """All of them, the generated ones cleaned: thin parts of the truth are no noise."""
        return Masks.concatenate([self.from_truth, clean(self.generated)])


def correct(proposals: Masks, truth: Masks, box_overlap: float = BOX_OVERLAP) -> Corrected:
    """Generated masks, corrected by the truth.

    Truth of several components replaces every generated mask of which it covers more than half. Truth of a single
    component replaces the generated masks that are versions of it, unless there is a generated mask whose bounding box
    overlaps its own by more than ``box_overlap`` (intersection over union) and that stands for no other truth. Of such
    masks the most alike takes the truth's name, if it is a version of it: a ring and the disc that fills it have one
    box. Masks from the truth have score and stability 1.

    Args:
        proposals: (n) generated masks of one picture.
        truth: (m) truth masks of the same picture.
        box_overlap: 0 to 1; the paper's 95 %.
    """
    if not len(truth):
        return Corrected(truth, proposals)
    shared = proposals.intersections(truth)
    areas = proposals.areas()[:, None]
    covered = shared > COVERED * areas
    alike = shared / np.maximum(areas + truth.areas()[None] - shared, 1)
    boxes = box_overlaps(proposals.boxes().reshape(-1, 4), truth.boxes().reshape(-1, 4))
    kept = np.ones(len(proposals), np.bool_)
    names: dict[int, str] = {}
    added = []
    for index, info in enumerate(truth.infos):
        single = _components(truth.decode(index)) == 1
        fitting = [i for i in np.flatnonzero(boxes[:, index] > box_overlap).tolist() if i not in names]
        if single and fitting:
            best = max(fitting, key=lambda i: alike[i, index])
            if alike[best, index] > SAME:
                names[best] = info.target
            continue
        kept &= ~(alike[:, index] > SAME if single else covered[:, index])
        added.append(index)
    # A mask that stands for one truth stays, even if another truth would replace it.
    kept[list(names)] = True
    remaining = np.flatnonzero(kept)
    infos = [replace(proposals.infos[i], target=names.get(int(i), "")) for i in remaining]
    copies = [replace(truth.infos[i], kind="interactive", score=1.0, stability=1.0) for i in added]
    return Corrected(truth.select(added).with_infos(copies), proposals.select(remaining).with_infos(infos))


def clean(masks: Masks, radius: int = 1, largest_hole: float = 0.0005) -> Masks:
    """Opens, then closes each mask by a disc and fills its small holes; a mask that opening would empty is not opened.

    Args:
        masks: of a picture.
        radius: of the disc, in pixels.
        largest_hole: as a fraction of the picture; larger holes are part of the shape.
    """
    if not len(masks):
        return masks
    limit = max(1, int(largest_hole * masks.shape[0] * masks.shape[1]))
    boxes = masks.boxes()
    tidy = []
    for index in range(len(masks)):
        (top, left), (bottom, right) = boxes[index]
        dense = masks.decode(index)
        dense[top:bottom, left:right] = _tidy(dense[top:bottom, left:right], radius, limit)
        tidy.append(dense)
    return Masks.from_dense(tidy, masks.infos)


def _components(mask: Mask) -> int:
    """How many 8-connected parts a picture's mask has."""
    import cv2

    return int(cv2.connectedComponents(mask.view(np.uint8), connectivity=8)[0]) - 1


def _tidy(mask: Mask, radius: int, largest_hole: int) -> Mask:
    """One mask, cropped to its box, opened, closed and with its small holes filled."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    padded = np.pad(mask, 2 * radius).astype(np.uint8)
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, disc)
    closed = cv2.morphologyEx(opened if opened.any() else padded, cv2.MORPH_CLOSE, disc)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    small = facts[:, cv2.CC_STAT_AREA] <= largest_hole
    # The padding is one background component; it is never a hole.
    small[labels[0, 0]] = False
    small[0] = False
    if count > 1 and small.any():
        closed = np.where(small[labels], 1, closed)
    crop = slice(2 * radius, -2 * radius)
    return closed[crop, crop].astype(np.bool_)
