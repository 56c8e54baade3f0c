"""One text to sort and its reply."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from model.classifier import normalised

if TYPE_CHECKING:
    from model.classifier import LoadedClassifier
    from model.manifest import JSON


@dataclass(frozen=True, kw_only=True)
class Classification:
    """What a classifier says of a text: the likeliest label, and every label with its probability, likeliest first."""

    text: str
    label: str
    probability: float
    probabilities: dict[str, float]
    elapsed_ms: float


def classify(loaded: LoadedClassifier, text: str) -> Classification:
    """Sort a text.

    Raises:
        InputError: the text is empty or too long.
    """
    began = time.perf_counter()
    probabilities = np.exp(loaded.log_probabilities(normalised(text)).astype(np.float64))
    order = np.argsort(-probabilities, kind="stable")
    ranked = {loaded.labels[place]: float(probabilities[place]) for place in order}
    label, probability = next(iter(ranked.items()))
    return Classification(
        text=text,
        label=label,
        probability=probability,
        probabilities=ranked,
        elapsed_ms=(time.perf_counter() - began) * 1000,
    )


def as_json_object(reply: Classification, limit: int) -> dict[str, JSON]:
    """Give a reply as the JSON object that scripts read, with the ``limit`` likeliest labels."""
    likeliest = list(reply.probabilities.items())[:limit]
    return {
        "text": reply.text,
        "label": reply.label,
        "probability": round(reply.probability, 6),
        "probabilities": {label: round(probability, 6) for label, probability in likeliest},
    }
