"""Model cards: what a checkpoint is, on what it was trained, what was measured, and what it cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from training.tables import as_mapping, figures_text, plain

if TYPE_CHECKING:
    from model.manifest import JSON, Manifest

PURPOSE = {
    "autocomplete": "It finishes phrases that somebody began to type.",
    "text": "It writes running text on from a beginning, and finishes words in it.",
    "generate": "It writes texts of a label.",
    "classify": "It sorts texts by labels.",
    "spacing": "It puts spaces where they belong in text without them.",
    "tag": "It gives each character of a text a tag.",
    "transduce": "It turns a text into another, letter by letter.",
}
LIMITS = """## Limits

- It repeats what it was trained on, and may show phrases that occur there only once: do not train it on text that its
  users may not see.
- What it adds is likely, not true.
- Characters that were not in the training text are read as unknown and never written.
- The figures are for held-out text of the same source, measured {created}."""
COUNTED = """
- What is counted beside the network holds the held-out text, too, once that was measured on: to measure again, take
  other text."""
TAGGING_LIMITS = """## Limits

- It knows these tags and no other, and gives every character one.
- Characters that were not in the training text are read as unknown.
- The figures are for held-out text of the same source, measured {created}. The same text chose how long it learned."""
WRITING_LIMITS = """## Limits

- What it writes is likely, not true; of a text unlike those that it learned from it still writes something.
- Characters that were not in the training pairs are read as unknown and never written.
- The figures are for held-out pairs of the same source, measured {created}. Some of them chose how long it learned."""
SORTING_LIMITS = """## Limits

- It knows these labels and no other: a text that has none of them is given the one that looks likest.
- Probabilities are calibrated on texts of the same source; of other texts they say less.
- {cut}; characters that were not in the training text are read as unknown.
- The figures are for held-out texts of the same source, measured {created}. The same texts chose how long the
  network learned, how far n-grams count and what each part weighs, so new texts are labelled rightly a little less
  often: most where few are held out."""

LIMITS_OF = {"spacing": TAGGING_LIMITS, "tag": TAGGING_LIMITS, "transduce": WRITING_LIMITS}


def model_card(name: str, manifest: Manifest) -> str:
    """Write the README.md of one version of a model."""
    provenance = manifest.provenance
    sections = [
        f"# {name}\n\nA character-level model made by machim. {PURPOSE[manifest.task]}",
        f"## Data\n\n{bullets(as_mapping(provenance.get('data')))}",
        f"## Network\n\n{bullets(manifest.architecture)}",
        f"## Measured on held-out text\n\n{figures_text(manifest.figures)}",
        limits(manifest),
    ]
    note = provenance.get("note")
    if note:
        sections.append(f"## Credit\n\n{note}")
    return "\n\n".join(sections) + "\n"


def limits(manifest: Manifest) -> str:
    """Say what a model cannot do."""
    if manifest.task != "classify":
        counted = COUNTED if manifest.blend and manifest.task not in LIMITS_OF else ""
        return LIMITS_OF.get(manifest.task, LIMITS).format(created=manifest.created) + counted
    rule = plain(manifest.text.get("cut", ""))
    cut = f"{rule[:1].upper()}{rule[1:]} ({plain(manifest.text.get('longest', ''))})"
    return SORTING_LIMITS.format(created=manifest.created, cut=cut)


def bullets(mapping: dict[str, JSON]) -> str:
    """List a mapping, a line each."""
    return "\n".join(f"- {key.replace('_', ' ')}: {plain(value)}" for key, value in mapping.items())
