"""Figures of a run or of an evaluation as small tables, for cards, reports and the terminal."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model.manifest import JSON

SYSTEMS = {
    "model": "machim",
    "most_popular": "most popular completion",
    "counts": "counts, same search",
    "ngram": "character n-gram, same search",
}
WAYS = {
    "partial": "last syllable half typed",
    "case": "in the other case",
    "initials": "initials of the phrase",
    "keyboard": "on the wrong keyboard",
    "slip": "with one slip",
}
COMPLETION_COLUMNS = {
    "phrases": "phrases",
    "mrr": "MRR@10",
    "pmrr": "PMRR@10",
    "hit_1": "hit@1",
    "hit_10": "hit@10",
    "keystroke_phrases": "typed out",
    "mrl": "MRL",
    "keystrokes_saved": "keys saved",
}
TYPED_COLUMNS = {
    "phrases": "phrases",
    "hit_10": "hit@10",
    "exact_hit_10": "hit@10, plain prefix",
    "mrr": "MRR@10",
    "exact_mrr": "MRR@10, plain prefix",
}
LABEL_COLUMNS = {"texts": "texts", "precision": "precision", "recall": "recall", "f1": "F1"}
SCORE_ROWS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "loss_nats": "loss, nats",
    "calibration_error": "calibration error",
    "unfitted_calibration_error": "calibration error, before anything was fitted",
    "p50_ms": "median, ms",
    "p99_ms": "99th percentile, ms",
}
TAGGING_ROWS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "whole_texts": "texts without an error",
    "word_precision": "words, precision",
    "word_recall": "words, recall",
    "word_f1": "words, F1",
    "loss_nats": "loss, nats",
}
TAGGING_TIMES = {"p50": "median", "p99": "99th percentile"}
TRANSDUCING_ROWS = {
    "exact": "right at once",
    "exact_of_several": "right among five",
    "character_error_rate": "character error rate",
}
MOST_LABELS = 20
LATENCY_COLUMNS = {
    "p50": "median, ms",
    "p99": "99th percentile, ms",
    "share": "proven exact, share",
    "replies": "of replies",
}


def plain(value: JSON) -> str:
    """Write a JSON value for people."""
    if isinstance(value, list):
        return ", ".join(plain(each) for each in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def as_mapping(value: JSON) -> dict[str, JSON]:
    """Take a JSON value for a mapping, an empty one if it is none."""
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table for people: the heading of each column, and in each row a cell for each; the first column names it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def figures_text(figures: dict[str, JSON]) -> str:
    """Lay the figures of a run or of an evaluation out as small tables of Markdown."""
    return "\n\n".join(map(markdown, figures_tables(figures)))


def markdown(table: Table) -> str:
    """Write a table as Markdown."""
    heading, *rows = (f"| {' | '.join(cells)} |" for cells in (table.columns, *table.rows))
    return "\n".join([heading, "|" + "---|" * len(table.columns), *rows])


def figures_tables(figures: dict[str, JSON]) -> list[Table]:
    """Lay the figures of a run or of an evaluation out as tables, those that there are."""
    tables = [
        bits_table(figures),
        sorting_table(figures),
        tagging_table(figures),
        transducing_table(figures),
        scores_table(figures),
        label_table(as_mapping(figures.get("per_label")), tags="whole_texts" in figures),
        members_table(as_mapping(figures.get("members_bits_per_character"))),
        teacher_table(as_mapping(as_mapping(figures.get("teacher")).get("bits_per_character"))),
        completion_table(as_mapping(figures.get("completion"))),
        typed_table(as_mapping(figures.get("typed"))),
        latency_table(as_mapping(figures.get("latency_ms")), as_mapping(figures.get("exact_replies"))),
    ]
    return [table for table in tables if table.rows]


def bits_table(figures: dict[str, JSON]) -> Table:
    """Show bits per character, once only where counts change nothing."""
    bits = as_mapping(figures.get("bits_per_character"))
    by_count = as_mapping(figures.get("bits_per_character_by_count"))
    names = {"int8": "served (int8)", "torch": "trained (float32)", "network": "network alone", "ngram": "n-gram alone"}
    weighted = bool(by_count) and by_count != bits
    return Table(
        columns=("bits per character", "each once", "by count") if weighted else ("bits per character", ""),
        rows=tuple(
            (label, plain(bits[key]), plain(by_count[key])) if weighted else (label, plain(bits[key]))
            for key, label in names.items()
            if key in bits
        ),
    )


def members_table(bits: dict[str, JSON]) -> Table:
    """Show bits per character of each member of an ensemble, and of all together."""
    rows = tuple(("all together" if name == "ensemble" else f"member {name}", plain(bits[name])) for name in bits)
    return Table(columns=("bits per character, networks alone (float32)", ""), rows=rows)


def teacher_table(bits: dict[str, JSON]) -> Table:
    """Show bits per character of a student beside its teacher's."""
    rows = tuple((name, plain(each)) for name, each in bits.items())
    return Table(columns=("bits per character, networks alone (float32)", ""), rows=rows)


def sorting_table(figures: dict[str, JSON]) -> Table:
    """Show how well texts were sorted, and how far the probabilities are to be trusted."""
    calibration = as_mapping(figures.get("calibration_error"))
    named = {
        "accuracy": figures.get("accuracy"),
        "macro F1": figures.get("macro_f1"),
        "loss, nats": figures.get("loss_nats"),
        "calibration error": calibration.get("after"),
        "calibration error, before the temperature": calibration.get("before"),
        "accuracy of n-grams alone": as_mapping(figures.get("accuracy_of_parts")).get("ngrams"),
        "accuracy of the networks alone": as_mapping(figures.get("accuracy_of_parts")).get("networks"),
        "accuracy of the members": as_mapping(figures.get("accuracy_of_parts")).get("members"),
        "accuracy of the teacher": as_mapping(figures.get("teacher")).get("accuracy"),
        "agreement with the teacher": as_mapping(figures.get("teacher")).get("agreement"),
    }
    rows = tuple((name, plain(value)) for name, value in named.items() if value is not None and "always" not in figures)
    return Table(columns=("sorting held-out texts", plain(figures.get("texts", ""))), rows=rows)


def tagging_table(figures: dict[str, JSON]) -> Table:
    """Show how well characters were tagged, beside always the same tag."""
    always = as_mapping(figures.get("always"))
    trained = as_mapping(figures.get("torch"))
    times = as_mapping(figures.get("tagging_ms"))
    rows: list[tuple[str, ...]] = [
        (name, plain(figures.get(key, "")), plain(trained.get(key, "")), plain(always.get(key, "")))
        for key, name in TAGGING_ROWS.items()
        if always and key in figures
    ]
    rows += [(f"{name}, ms a text", plain(times[key]), "", "") for key, name in TAGGING_TIMES.items() if key in times]
    columns = (f"tagging {plain(figures.get('characters', ''))} characters", "machim", "in float32")
    return table_with(columns, f"always {plain(always.get('tag', ''))}", rows)


def transducing_table(figures: dict[str, JSON]) -> Table:
    """Show how often texts became what they should, beside looking the nearest one up."""
    scored, nearest = as_mapping(figures.get("transducing")), as_mapping(figures.get("nearest"))
    beside = ("nearest text, looked up",) if nearest else ()
    rows: list[tuple[str, ...]] = [
        (name, plain(scored[key]), *(plain(nearest.get(key, "")) for _ in beside))
        for key, name in TRANSDUCING_ROWS.items()
        if key in scored
    ]
    times = as_mapping(figures.get("transducing_ms"))
    rows += [
        (f"{name}, ms a text", plain(times[key]), *("" for _ in beside))
        for key, name in TAGGING_TIMES.items()
        if key in times
    ]
    return Table(columns=(f"transducing {plain(figures.get('texts', ''))} texts", "machim", *beside), rows=tuple(rows))


def table_with(columns: tuple[str, ...], last: str, rows: list[tuple[str, ...]]) -> Table:
    """Make a table whose last column but one is left out where it is empty."""
    if not any(row[-2] for row in rows):
        columns, rows = columns[:-1], [(*row[:-2], row[-1]) for row in rows]
    return Table(columns=(*columns, last), rows=tuple(rows))


def scores_table(figures: dict[str, JSON]) -> Table:
    """Show how well texts that were brought are sorted, as served and as trained, and how often the two differ."""
    sorting = as_mapping(figures.get("sorting"))
    served, trained = as_mapping(sorting.get("int8")), as_mapping(sorting.get("torch"))
    rows = [
        (name, plain(served.get(key, "")), plain(trained.get(key, "")))
        for key, name in SCORE_ROWS.items()
        if key in served or key in trained
    ]
    if rows:
        rows.append(("another label than float32, share of texts", plain(figures["disagreement"]), ""))
    heading = f"sorting {plain(figures.get('texts', ''))} texts"
    return Table(columns=(heading, "served (int8)", "trained (float32)"), rows=tuple(rows))


def label_table(labels: dict[str, JSON], *, tags: bool = False) -> Table:
    """Show how well each label of texts was found, or each tag of characters; of many the worst."""
    rows = {label: as_mapping(each) for label, each in labels.items()}
    shown = sorted(rows, key=lambda label: float(plain(rows[label].get("f1", 0))))[:MOST_LABELS]
    kind = "tag" if tags else "label"
    name = kind if len(shown) == len(rows) else f"the {len(shown)} worst of {len(rows)} {kind}s"
    columns = {**LABEL_COLUMNS, "texts": "characters" if tags else "texts"}
    return table_of(name, columns, {label: rows[label] for label in shown})


def completion_table(completion: dict[str, JSON]) -> Table:
    """Show what each system scored on each set of phrases, with only those columns that were measured."""
    rows = {
        f"{SYSTEMS.get(system, system)}, {name}": as_mapping(scored)
        for name, measured in completion.items()
        for system, scored in as_mapping(measured).items()
    }
    return table_of("completions", COMPLETION_COLUMNS, rows)


def typed_table(typed: dict[str, JSON]) -> Table:
    """Show what each system scored on phrases typed in other ways, beside their plain prefixes."""
    rows = {
        f"{WAYS[way]}, {SYSTEMS.get(system, system)}, {name}": as_mapping(scored)
        for name, ways in typed.items()
        for way, systems in as_mapping(ways).items()
        for system, scored in as_mapping(systems).items()
    }
    return table_of("typed", TYPED_COLUMNS, rows)


def latency_table(latency: dict[str, JSON], exact: dict[str, JSON]) -> Table:
    """Show how long one completion took, and which share of the model's replies was proven to leave nothing better."""
    rows = {SYSTEMS.get(system, system): as_mapping(times) for system, times in latency.items()}
    if SYSTEMS["model"] in rows:
        rows[SYSTEMS["model"]] |= exact
    return table_of("time of a completion", LATENCY_COLUMNS, rows)


def table_of(name: str, columns: dict[str, str], rows: dict[str, dict[str, JSON]]) -> Table:
    """Make a table of the columns that some row has a value for."""
    shown = [key for key in columns if any(key in row for row in rows.values())]
    return Table(
        columns=(name, *(columns[key] for key in shown)),
        rows=tuple((label, *(plain(row.get(key, "")) for key in shown)) for label, row in rows.items()),
    )
