"""The commands that ask a checkpoint: complete, generate, inspect."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from model.attention_lines import attention_lines
from model.channel import KINDS
from model.checkpoint import open_checkpoint
from model.classification import as_json_object as as_json_classification
from model.classification import classify as classify_text
from model.classifier import load_classifier
from model.command_options import settings_from, settings_options
from model.completion import CompletionRequest, as_json_object
from model.completion import complete as complete_phrase
from model.errors import InputError
from model.explanation import as_json_explanation, explain
from model.explanation_lines import explanation_lines
from model.generation import GenerationRequest
from model.generation import generate as generate_text
from model.loaded import load_model
from model.tagger import load_tagger
from model.tagging import as_json_tagging, tagged_line
from model.tagging import tag as tag_text
from model.transducer import load_transducer
from model.transduction import as_json_transduction
from model.transduction import transduce as transduce_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.completion import CompletionReply
    from model.manifest import JSON

MODEL = click.argument("model", type=click.Path(path_type=Path))
KIND_OPTION = click.option(
    "--kinds",
    multiple=True,
    type=click.Choice(KINDS),
    default=KINDS,
    help="A kind of match to look for; give it once for each. Left out: all kinds.",
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(epilog="Example: machim complete models/places 'San F' --limit 3")
@MODEL
@click.argument("prefix")
@click.option("--limit", default=10, show_default=True, help="Completions wanted.")
@click.option("--max-characters", default=64, show_default=True, help="The most characters to add.")
@click.option("--max-expansions", default=2000, show_default=True, help="How many branches to follow at most.")
@click.option("--deadline-ms", default=0.0, help="Give the best found after so many milliseconds; 0 for no end.")
@KIND_OPTION
@AS_JSON
def complete(model: Path, prefix: str, kinds: tuple[str, ...], as_json: bool, **bounds: Any) -> None:
    """Complete PREFIX with the checkpoint MODEL; with - one prefix a line of standard input.

    Prints a completion a line, before it its score (log-probability of the phrase and of what was typed for it, nats)
    and how it matches; with --json one object for each prefix: {"prefix", "completions": [{"text", "score", "source",
    "match", "highlight"}], "exact", "elapsed_ms"}.
    """
    bounds["kinds"] = frozenset(kinds)
    CompletionRequest(prefix="", **bounds)  # a bound that breaks its rule is told before a model is loaded
    loaded = load_model(model)
    for number, typed in enumerate(lines_of_input() if prefix == "-" else [prefix], start=1):
        try:
            request = CompletionRequest(prefix=typed, **bounds)
        except InputError as error:
            raise InputError(f"standard input, line {number}: {error}" if prefix == "-" else str(error)) from error
        reply = complete_phrase(loaded, request)
        if as_json:
            click.echo(json.dumps(as_mapping(reply), ensure_ascii=False))
        else:
            for completion in reply.completions:
                click.echo(f"{completion.score:9.3f}  {completion.match:8}  {completion.text}")
        sys.stdout.flush()


def as_mapping(reply: CompletionReply) -> dict[str, JSON]:
    """Give a reply as the JSON object that scripts read."""
    return {
        "prefix": reply.prefix,
        "completions": [as_json_object(each) for each in reply.completions],
        "exact": reply.exact,
        "elapsed_ms": round(reply.elapsed_ms, 3),
    }


def lines_of_input() -> Iterator[str]:
    """Give the lines of standard input as they come, without the line feed or carriage return that ends them.

    Raises:
        InputError: a line is not UTF-8.
    """
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            typed = line.removesuffix(b"\n").removesuffix(b"\r").decode()
            yield typed.removeprefix("\ufeff") if number == 1 else typed
        except UnicodeDecodeError as error:
            raise InputError(f"standard input, line {number}: must be UTF-8, got {line[:20]!r}") from error


@click.command(epilog="Example: machim classify models/countries 'San Fermín' --json")
@MODEL
@click.argument("texts", nargs=-1, required=True, metavar="[TEXT]...")
@click.option(
    "--limit", type=click.IntRange(min=1), default=5, show_default=True, help="Labels to show, the likeliest first."
)
@click.option("--explain", "explained", is_flag=True, help="Show which characters speak for the label.")
@click.option("--label", metavar="LABEL", help="The label to explain.  [default: the likeliest]")
@AS_JSON
def classify(
    model: Path, texts: tuple[str, ...], limit: int, explained: bool, label: str | None, as_json: bool
) -> None:
    """Sort each TEXT with the checkpoint MODEL; with - one text a line of standard input.

    Prints a label a line with its probability; with --json one object a line for each text: {"text", "label",
    "probability", "probabilities": {label: probability}}.

    With --explain it shows by how much the label's log-probability falls when a character is hidden, and what n-grams
    and filters over it add; in colour, or with signs where NO_COLOR is set or no terminal reads. With --json the object
    gets "explanation".
    """
    if label is not None and not explained:
        raise InputError(f"--label must come with --explain, got --label {label} alone")
    loaded = load_classifier(model)
    for place, text in lines_to_sort() if texts == ("-",) else [("", text) for text in texts]:
        try:
            reply = classify_text(loaded, text)
            explanation = explain(loaded, text, label) if explained else None
        except InputError as error:
            raise InputError(f"{place}{error}") from error
        if as_json:
            said = as_json_classification(reply, limit)
            if explanation is not None:
                said["explanation"] = as_json_explanation(explanation)
            click.echo(json.dumps(said, ensure_ascii=False))
        else:
            if len(texts) > 1 or texts == ("-",):
                click.echo(text)
            for each, probability in list(reply.probabilities.items())[:limit]:
                click.echo(f"{probability:8.2%}  {each}")
            if explanation is not None:
                coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")  # https://no-color.org
                columns = shutil.get_terminal_size().columns
                for line in explanation_lines(explanation, coloured=coloured, columns=columns):
                    click.echo(line)
        sys.stdout.flush()


@click.command(epilog="Example: machim tag models/spacing 아버지가방에들어가신다")
@MODEL
@click.argument("texts", nargs=-1, required=True, metavar="[TEXT]...")
@AS_JSON
def tag(model: Path, texts: tuple[str, ...], as_json: bool) -> None:
    """Tag each TEXT with the checkpoint MODEL; with - one text a line of standard input.

    Prints the text with spaces where they belong, or each character with its tag after a slash; with --json one object
    a line for each text: {"text", "spaced" of a model for spacing, "characters", "tags", "probabilities"}, a tag and
    its probability for each of the characters.
    """
    loaded = load_tagger(model)
    for place, text in lines_to_sort() if texts == ("-",) else [("", text) for text in texts]:
        try:
            reply = tag_text(loaded, text)
        except InputError as error:
            raise InputError(f"{place}{error}") from error
        if as_json:
            click.echo(json.dumps(as_json_tagging(reply), ensure_ascii=False))
        elif reply.spaced is not None:
            click.echo(reply.spaced)
        else:
            click.echo(tagged_line(reply.characters, reply.tags))
        sys.stdout.flush()


@click.command(epilog="Example: machim transduce models/hangul Stephen --limit 3")
@MODEL
@click.argument("texts", nargs=-1, required=True, metavar="[TEXT]...")
@click.option("--limit", type=click.IntRange(min=1, max=100), default=1, show_default=True, help="Results wanted.")
@click.option("--attention", is_flag=True, help="Show what was looked at while the likeliest result was written.")
@AS_JSON
def transduce(model: Path, texts: tuple[str, ...], limit: int, *, attention: bool, as_json: bool) -> None:
    """Turn each TEXT into what it becomes with the checkpoint MODEL; with - one text a line of standard input.

    Prints the likeliest result a line, with --limit several, each with its probability; with --json one object a line
    for each text: {"text", "results": [{"text", "probability"}], "exact"}, with --attention also "attention": {"read",
    "written", "weights"}.
    """
    loaded = load_transducer(model)
    for place, text in lines_to_sort() if texts == ("-",) else [("", text) for text in texts]:
        try:
            reply = transduce_text(loaded, text, limit, attention=attention)
        except InputError as error:
            raise InputError(f"{place}{error}") from error
        if as_json:
            click.echo(json.dumps(as_json_transduction(reply), ensure_ascii=False))
        elif limit == 1:
            click.echo(reply.results[0][0] if reply.results else "")
        else:
            for result, probability in reply.results:
                click.echo(f"{probability:8.2%}  {result}")
        if reply.attention is not None and not as_json:
            for line in attention_lines(reply.attention):
                click.echo(line)
        sys.stdout.flush()


def lines_to_sort() -> Iterator[tuple[str, str]]:
    """Give the lines of standard input with where each stands, for a message; blank ones are left out and said."""
    for number, line in enumerate(lines_of_input(), start=1):
        place = f"standard input, line {number}: "
        if line and not line.isspace():
            yield place, line
        else:
            click.echo(f"machim: {place}left out, for it is blank", err=True)


@click.command(epilog="Example: machim generate models/shakespeare --prefix 'ROMEO:' --temperature 0.8 --seed 7")
@MODEL
@settings_options(GenerationRequest)
@AS_JSON
def generate(model: Path, as_json: bool, **options: Any) -> None:
    """Write text on from a prefix with the checkpoint MODEL.

    With --json one object: {"prefix", "text", "ended", "seed"}, where text begins with the prefix.
    """
    request = settings_from(GenerationRequest, options)
    reply = generate_text(load_model(model), request)
    if as_json:
        written = {"prefix": reply.prefix, "text": reply.text, "ended": reply.ended, "seed": reply.seed}
        if reply.label is not None:
            written["label"] = reply.label
        click.echo(json.dumps(written, ensure_ascii=False))
    else:
        drawn = reply.label is not None and request.label is None
        click.echo(f"{reply.label}\t{reply.text}" if drawn else reply.text)


@click.command(epilog="Example: machim inspect models/places")
@MODEL
@AS_JSON
def inspect(model: Path, as_json: bool) -> None:
    """Say what the checkpoint MODEL is: task, network, data, figures, size; its files are verified on the way."""
    checkpoint = open_checkpoint(model)
    manifest = checkpoint.manifest
    sizes = {name: record.size_bytes for name, record in sorted(checkpoint.files.items())}
    said: dict[str, JSON] = {
        "name": checkpoint.name,
        "version": checkpoint.version,
        "task": manifest.task,
        "created": manifest.created,
        "format": manifest.format,
        "architecture": manifest.architecture,
        "text": manifest.text,
        "quantisation": manifest.quantisation,
        "figures": manifest.figures,
        "provenance": manifest.provenance,
        "files": dict(sizes),
        "bytes": sum(sizes.values()),
        "passed_over": list(checkpoint.passed_over),
    }
    if as_json:
        click.echo(json.dumps(said, ensure_ascii=False, indent=2))
        return
    for line in laid_out(said):
        click.echo(line)


def laid_out(mapping: dict[str, JSON], indent: str = "") -> Iterator[str]:
    """Lay a JSON object out for people, a value a line."""
    for key, value in mapping.items():
        name = f"{indent}{key.replace('_', ' ')}:"
        if isinstance(value, dict) and value:
            yield name
            yield from laid_out(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{name} {', '.join(map(str, value)) or 'none'}"
        elif value not in ({}, "", None):
            yield f"{name} {value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{name} {value}"
