"""All experiments, in the order of the lectures."""

from __future__ import annotations

from training.lectures import (
    beginnings,
    branching,
    distance,
    dropping,
    ensembles,
    gradients,
    hello,
    maps,
    pooling,
    shapes,
    sizes,
    skipping,
    stacking,
    walking,
)

LECTURES = {
    module.LECTURE.name: module.LECTURE
    for module in (
        sizes,
        gradients,
        beginnings,
        dropping,
        ensembles,
        skipping,
        branching,
        walking,
        stacking,
        pooling,
        maps,
        hello,
        distance,
        shapes,
    )
}
