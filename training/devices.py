"""What a run computes on: the processor, or a GPU where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from model.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from training.settings import Device, Precision


def choose_device(device: Device) -> torch.device:
    """Give the device that was asked for; auto is CUDA where torch sees it, else the processor.

    Raises:
        InputError: CUDA was asked for and torch sees none.
    """
    if device == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if device == "cuda":
        raise InputError(
            f"device must be one that torch sees, got cuda where torch {torch.__version__} sees no GPU: leave --device "
            "out to train on the processor, or install a torch and a driver for CUDA"
        )
    return torch.device("cpu")


def described(device: torch.device) -> str:
    """Name a device for people: cpu, or cuda and which GPU."""
    return f"cuda, {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


def uses_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Tell whether products are computed in bfloat16; auto where the device has instructions for it."""
    if precision != "auto":
        return precision == "bfloat16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def tensor_on(device: torch.device, array: NDArray[Any]) -> Tensor:
    """Give an array as a tensor on a device; on the processor it is the same memory, elsewhere a copy."""
    # The driver takes the array away before the call returns, so whoever made it may change it; only the GPU is later.
    return torch.from_numpy(array).to(device, non_blocking=True)
