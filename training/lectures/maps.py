"""Activation maps: what the filters of a trained network fire at in names that it has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from training.classifier_settings import ClassifierSettings
from training.encoders.build import ChainEncoder
from training.lectures.classroom import countries, learn
from training.lectures.lesson import Lecture, Result, numbers_table
from training.receptive_fields import fields_of
from training.text_batches import encode_texts, pad_texts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from training.lectures.lesson import Scale

WIDTH, SHOWN = 3, 8
SETTINGS = ClassifierSettings(encoder="branches", branch_widths=str(WIDTH), embedding_width=64, filters=32, dropout=0.3)


def run(scale: Scale) -> Result:
    """Train filters of three characters, and find what fires each the most among held-out names."""
    texts = countries(scale)
    learned = learn(SETTINGS, texts, scale.epochs)
    network, names, labels = learned.network.eval(), texts.tested_texts, texts.split.labels
    (chain,) = (chain for chain in network.chains if isinstance(chain, ChainEncoder))
    fields = fields_of(chain)
    before, after = int(fields.before.max()), int(fields.after.max())
    batch = pad_texts(encode_texts(learned.room.alphabet, names, SETTINGS.longest), np.arange(len(names)))
    lengths = torch.from_numpy(batch.lengths)
    with torch.no_grad():
        fired, _ = chain.read(network.embed(torch.from_numpy(batch.ids), lengths), lengths)  # (names, T, filters)
    outputs = network.output.weight.detach().numpy()  # (C, filters)
    largest = fired.amax(dim=1)  # (names, filters)
    order = np.argsort(-outputs.max(axis=0))[:SHOWN]
    numbers, maps = {}, []
    for unit in order:
        name = int(largest[:, unit].argmax())
        place = int(fired[name, :, unit].argmax())
        text = names[name]
        seen = text[max(0, place - before) : place + after + 1]
        label = labels[int(outputs[:, unit].argmax())]
        numbers[f"filter {unit}: {seen!r} in {text}, for {label}"] = {
            "fires": float(fired[name, place, unit]),
            "weight": float(outputs[:, unit].max()),
        }
        maps.append((f"{seen!r} for {label}", text, fired[name, : len(text), unit].numpy()))

    def draw(axes: Axes) -> None:
        longest = max(len(text) for _, text, _ in maps)
        for row, (_, text, values) in enumerate(maps):
            shades = np.full(longest, np.nan)
            shades[: len(text)] = values / max(float(values.max()), 1e-9)
            axes.imshow(shades[None], cmap="Greys", aspect="auto", extent=(-0.5, longest - 0.5, row + 0.5, row - 0.5))
            for place, character in enumerate(text):
                colour = "white" if shades[place] > 0.5 else "black"
                axes.text(place, row, character, ha="center", va="center", color=colour)
        axes.set_xlim(-0.5, longest - 0.5)
        axes.set_ylim(len(maps) - 0.5, -0.5)
        axes.set_yticks(range(len(maps)), [name for name, _, _ in maps])
        axes.set_xticks([])
        axes.set_title(f"{SHOWN} of {SETTINGS.filters} maps, a value at each character")

    return Result(table=numbers_table("strongest filters", numbers), numbers=numbers, draw=draw)


LECTURE = Lecture(name="maps", question="At which letters do the filters of a trained network fire?", run=run)
