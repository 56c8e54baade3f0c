"""All experiments, in the order of the lectures."""

from __future__ import annotations

from training.lectures import (
    beginnings,
    branching,
    distance,
    dropping,
    edges,
    ensembles,
    gradients,
    growing,
    hello,
    maps,
    outputs,
    pooling,
    shapes,
    sizes,
    skipping,
    stacking,
    walking,
    widths,
)

LECTURES = {
    module.LECTURE.name: module.LECTURE
    for module in (
        widths,
        gradients,
        outputs,
        beginnings,
        dropping,
        ensembles,
        skipping,
        branching,
        walking,
        sizes,
        edges,
        stacking,
        pooling,
        maps,
        hello,
        distance,
        growing,
        shapes,
    )
}
