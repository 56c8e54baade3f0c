"""Language models that learn from real ones.

Legend: B batch, T time steps, V vocabulary size.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from model.loaded import load_model
from training.batches import IGNORED, Batch
from training.checkpoints import load_network
from training.classifier_settings import DistillationSettings
from training.language_distillation import TaughtSteps, Teaching, taught_nats
from training.language_models import make_network
from training.letters import letters_of
from training.loop import advance, start_run
from training.settings import NetworkSettings, TrainingSettings
from training.starting import open_start

if TYPE_CHECKING:
    from pathlib import Path

    from training.language_models import LanguageModel


def a_batch() -> Batch:
    generator = np.random.default_rng(0)
    inputs = generator.integers(3, 9, size=(3, 6))
    targets = generator.integers(3, 9, size=(3, 6))
    targets[1, 4:] = IGNORED
    return Batch(inputs=inputs, targets=targets, weights=np.array([1.0, 2.0, 0.5], np.float32), continues=True)


def a_network(seed: int) -> LanguageModel:
    torch.manual_seed(seed)
    settings = NetworkSettings(cell="gru", hidden_width=7 + seed, embedding_width=5, dropout=0.0)
    return make_network(settings, 9, torch.zeros(9, 1))


def test_what_is_taught_is_the_softened_cross_entropy_of_every_place_that_counts() -> None:
    torch.manual_seed(0)
    logits, said, batch = torch.randn(3, 6, 9), torch.randn(3, 6, 9), a_batch()
    expected = 0.0
    for row in range(3):
        for place in range(6):
            if batch.targets[row, place] != IGNORED:
                q = [math.exp(each / 3) for each in said[row, place].tolist()]
                p = [math.exp(each / 3) for each in logits[row, place].tolist()]
                nats = -sum(a / sum(q) * math.log(b / sum(p)) for a, b in zip(q, p, strict=True))
                expected += float(batch.weights[row]) * nats
    assert float(taught_nats(logits, said, batch, 3.0)) == pytest.approx(expected, rel=1e-5)


def test_with_the_whole_share_for_the_text_a_step_is_that_of_one_who_is_not_taught() -> None:
    """Over two windows, the second of which goes on from the states of student and teacher."""
    settings, weights = TrainingSettings(precision="float32"), []
    taught = TaughtSteps(teacher=a_network(1).eval(), settings=DistillationSettings(truth_share=1.0))
    for step in (advance, taught.advance):
        run, state = start_run(a_network(0), settings), None
        for _ in range(2):
            _, state = step(run, a_batch(), state, settings)
        weights.append([each.detach().clone() for each in run.network.parameters()])
        assert run.characters == 32
    assert all(torch.equal(one, other) for one, other in zip(*weights, strict=True))


def test_the_teacher_goes_on_from_its_own_state_and_does_not_learn() -> None:
    settings, teacher = TrainingSettings(precision="float32"), a_network(1).eval()
    before = [each.detach().clone() for each in teacher.parameters()]
    taught = TaughtSteps(teacher=teacher, settings=DistillationSettings())
    run = start_run(a_network(0), settings)
    batch = a_batch()
    _, state = taught.advance(run, batch, None, settings)
    _, state = taught.advance(run, batch, state, settings)
    with torch.no_grad():
        _, first = teacher(torch.from_numpy(batch.inputs))
        _, second = teacher(torch.from_numpy(batch.inputs), first)
    torch.testing.assert_close(state[:, run.network.state_width :], second)
    assert all(torch.equal(one, other) for one, other in zip(before, teacher.parameters(), strict=True))


def test_a_teacher_is_rebuilt_as_it_was(tiny_models: Path) -> None:
    model = load_model(tiny_models / "tiny")
    teacher = Teaching(teacher=open_start(tiny_models / "tiny"), settings=DistillationSettings()).network()
    assert letters_of(model.alphabet).any()
    ids = torch.from_numpy(model.alphabet.encode("San 서울").astype(np.int64))[None]
    with torch.no_grad():
        assert torch.equal(teacher(ids)[0], load_network(model)(ids)[0])


def test_the_command_teaches_a_smaller_one_as_its_teacher_learned(
    tiny_models: Path, places_file: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "machim", "distill", str(tiny_models / "tiny"), str(places_file)]
    told = "--minutes 0 --epochs 3 --hidden-width 24 --embedding-width 12 --batch-characters 512 --threads 1 --json"
    told += " --learning-rate 0.01 --dropout 0 --truth-share 0"
    out = tmp_path / "student"
    trained = subprocess.run([*command, "--out", out, *told.split()], capture_output=True, text=True, check=False)
    assert trained.returncode == 0, trained.stderr
    figures = json.loads(trained.stdout)["figures"]["teacher"]["bits_per_character"]
    student, teacher = load_model(out), load_model(tiny_models / "tiny")
    assert student.task == teacher.task
    assert student.alphabet.characters == teacher.alphabet.characters
    assert figures["teacher"] < figures["student"] < 0.75 * math.log2(len(student.alphabet))
    recorded = student.checkpoint.manifest.provenance["teacher"]
    assert isinstance(recorded, dict)
    assert (recorded["name"], recorded["truth_share"]) == ("tiny 0001", 0)
