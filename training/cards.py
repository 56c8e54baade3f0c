"""Model cards: what a checkpoint is, on what it was trained, what was measured, and what it cannot do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.manifest import JSON, Manifest

PURPOSE = {
    "autocomplete": "It finishes phrases that somebody began to type.",
    "text": "It writes running text on from a beginning, and finishes words in it.",
}
LIMITS = """## Limits

- It repeats what it was trained on, and may show phrases that occur there only once: do not train it on text that its
  users may not see.
- What it adds is likely, not true.
- Characters that were not in the training text are read as unknown and never written.
- The figures are for held-out text of the same source, measured {created}."""


def model_card(name: str, manifest: Manifest) -> str:
    """Write the README.md of one version of a model."""
    provenance = manifest.provenance
    sections = [
        f"# {name}\n\nA character-level language model made by machim. {PURPOSE[manifest.task]}",
        f"## Data\n\n{bullets(as_mapping(provenance.get('data')))}",
        f"## Network\n\n{bullets(manifest.architecture)}",
        f"## Measured on held-out text\n\n{figures_text(manifest.figures)}",
        LIMITS.format(created=manifest.created),
    ]
    note = provenance.get("note")
    if note:
        sections.append(f"## Credit\n\n{note}")
    return "\n\n".join(sections) + "\n"


def bullets(mapping: dict[str, JSON]) -> str:
    """List a mapping, a line each."""
    return "\n".join(f"- {key.replace('_', ' ')}: {plain(value)}" for key, value in mapping.items())


def plain(value: JSON) -> str:
    """Write a JSON value for people."""
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_mapping(value: JSON) -> dict[str, JSON]:
    """Take a JSON value for a mapping, an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def figures_text(figures: dict[str, JSON]) -> str:
    """Lay the figures of a run out as two small tables."""
    lines = []
    bits = as_mapping(figures.get("bits_per_character"))
    names = {"int8": "served (int8)", "torch": "trained (float32)", "ngram": "Witten-Bell 5-gram"}
    if bits:
        by_count = as_mapping(figures.get("bits_per_character_by_count"))
        weighted = bool(by_count) and by_count != bits
        lines += ["| bits per character |" + (" each once | by count |" if weighted else " |")]
        lines += ["|---|---|" + ("---|" if weighted else "")]
        for key, label in names.items():
            if key in bits:
                lines.append(f"| {label} | {plain(bits[key])} |" + (f" {plain(by_count[key])} |" if weighted else ""))
    completion = as_mapping(figures.get("completion"))
    if completion:
        lines += ["", "| completions | phrases | MRR@10 | PMRR@10 | hit@1 | hit@10 |", "|---|---|---|---|---|---|"]
    labels = {"model": "machim", "most_popular": "most popular completion"}
    for set_name, measured in completion.items():
        for key, label in labels.items():
            row = as_mapping(as_mapping(measured).get(key))
            if row:
                cells = " | ".join(plain(row[column]) for column in ("phrases", "mrr", "pmrr", "hit_1", "hit_10"))
                lines.append(f"| {label}, {set_name} | {cells} |")
    return "\n".join(lines)
