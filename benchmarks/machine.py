"""The machine that a benchmark runs on: what it is, and how fast one of its threads reads weights and multiplies.

Legend: B rows of a product, W width of its matrix.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from model.runtime import STEP_FILE, WEIGHTS_FILE, open_session
from training.onnx_graph import Graph, Weights, model_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from model.manifest import JSON

# Of a processor's flags those that decide how fast small integers are multiplied.
FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_tile", "asimddp", "i8mm", "sve")
PACKAGES = (
    "machim",
    "numpy",
    "onnxruntime",
    "torch",
    "flask",
    "gunicorn",
    "query-autocomplete",
    "scikit-learn",
    "fasttext",
)
REPEATS = 50
B, W = 256, 1024  # of the product: large enough that multiplying is all that counts, small enough for the cache


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What one thread does at best: bytes read from the cache in a second, and multiply-adds of int8 in a second."""

    bytes_per_second: float
    multiply_adds_per_second: float


def describe_machine() -> dict[str, JSON]:
    """Say what the benchmark runs on."""
    facts = processor_facts()
    flags = (facts.get("flags") or facts.get("Features") or "").split()
    return {
        "processor": facts.get("model name") or platform.processor() or platform.machine(),
        "flags": [flag for flag in FLAGS if flag in flags],
        "caches": cache_sizes(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "load_average": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        **package_versions(),
    }


def processor_facts() -> dict[str, str]:
    """Read what Linux says of the first processor."""
    path = Path("/proc/cpuinfo")
    first = path.read_text(encoding="utf-8").split("\n\n")[0] if path.exists() else ""
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def cache_sizes() -> dict[str, JSON]:
    """Read the sizes of the caches that the first processor reads data through, where Linux tells."""
    sizes: dict[str, JSON] = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = ((folder / name).read_text(encoding="utf-8").strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            sizes[f"L{level}"] = size
    return sizes


def package_versions() -> dict[str, JSON]:
    """Give the versions of what is measured and of what it is measured against, as far as they are installed."""
    versions: dict[str, JSON] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


def measure_rates(weight_bytes: int) -> Rates:
    """Measure both rates, each the best of several ways and repeats: the floor that is made of them is the lowest.

    Args:
        weight_bytes: of an array that is read again and again, so that it lies where weights of that size lie.
    """
    return Rates(bytes_per_second=measure_bandwidth(weight_bytes), multiply_adds_per_second=measure_multiplication())


def measure_bandwidth(size_bytes: int) -> float:
    """Measure how many bytes a second are read of an array that was just read, by summing, comparing and copying."""
    values = np.ones(max(size_bytes, 64), dtype=np.int8)
    whole = values[: len(values) // 8 * 8].view(np.float64)
    target = np.empty_like(values)
    ways: list[Callable[[], object]] = [whole.sum, values.max, lambda: np.copyto(target, values)]
    return len(values) / min(map(best_seconds, ways))


def measure_multiplication() -> float:
    """Measure how many int8 multiply-adds a second a large product in ONNX Runtime makes on one thread."""
    graph, weights = Graph(), Weights()
    graph.constant("zero_point", np.uint8(128))
    matrix = weights.add("matrix", np.ones((W, W), dtype=np.int8))
    graph.add("MatMulInteger", "values", matrix, "zero_point", result="product")
    content = model_bytes(
        graph, weights, [("values", TensorProto.UINT8, ("B", W))], [("product", TensorProto.INT32, ("B", W))]
    )
    with TemporaryDirectory() as folder:
        (Path(folder) / STEP_FILE).write_bytes(content)
        (Path(folder) / WEIGHTS_FILE).write_bytes(weights.data)
        session = open_session(Path(folder) / STEP_FILE, threads=1)
        inputs = {"values": np.ones((B, W), dtype=np.uint8)}
        return B * W * W / best_seconds(lambda: session.run(None, inputs))


def best_seconds(action: Callable[[], object]) -> float:
    """Time an action again and again, and give the shortest time, seconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)
