"""What takes a person five lines of scikit-learn: character n-grams, weighed by TF-IDF, under a linear classifier.

Legend: N texts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from benchmarks.labellers import Labeller, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.labelled import Labelled

Kind = Literal["svm", "logistic"]
PENALTIES = {"svm": (0.03, 0.1, 0.3, 1.0, 3.0, 10.0), "logistic": (1.0, 3.0, 10.0, 30.0, 100.0)}  # C: inverse, as there


def train_tfidf(kind: Kind, train: Labelled, learned: Labelled, validation: Labelled) -> Labeller:
    """Choose C by the accuracy on a validation part, then train on all.

    Args:
        kind: linear support vector machine, or logistic regression.
        train: all that may be learned from.
        learned: what is learned from while C is chosen.
        validation: what it is chosen by.
    """
    began = time.perf_counter()
    vectorizer = make_vectorizer()
    features = vectorizer.fit_transform(learned.texts)
    others = vectorizer.transform(validation.texts)
    scores = {
        penalty: float(make_classifier(kind, penalty).fit(features, learned.labels).score(others, validation.labels))
        for penalty in PENALTIES[kind]
    }
    best = max(scores, key=scores.__getitem__)
    tuned = time.perf_counter()
    pipeline = make_pipeline(make_vectorizer(), make_classifier(kind, best)).fit(train.texts, train.labels)
    return Labeller(
        name=f"tfidf_{kind}",
        classify=ask_margins(pipeline) if kind == "svm" else ask_probabilities(pipeline),
        settings={"C": best, "features": len(pipeline[0].vocabulary_)},
        figures={
            "train_seconds": time.perf_counter() - tuned,
            "tune_seconds": tuned - began,
            "validation_accuracy": scores[best],
        },
    )


def make_vectorizer() -> Any:
    """Make what counts character 1- to 4-grams, those of one text alone left out, in small letters."""
    return TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True, min_df=2)


def make_classifier(kind: Kind, penalty: float) -> Any:
    """Make a linear classifier with C, the inverse of its penalty on weights."""
    match kind:
        case "svm":
            return LinearSVC(C=penalty)
        case "logistic":
            return LogisticRegression(C=penalty, max_iter=1000)


def ask_margins(pipeline: Any) -> Callable[[str], Verdict]:
    """Ask for the label alone: a support vector machine has no probabilities."""
    return lambda text: Verdict(label=str(pipeline.predict([text])[0]))


def ask_probabilities(pipeline: Any) -> Callable[[str], Verdict]:
    """Ask for the probability of every label."""

    def classify(text: str) -> Verdict:
        row = pipeline.predict_proba([text])[0]
        labels = pipeline.classes_.tolist()
        return Verdict(label=labels[row.argmax()], probabilities=dict(zip(labels, row.tolist(), strict=True)))

    return classify
