"""Faults of what all kernels use: entries, launches, divisions."""

from __future__ import annotations

from faults.fault import faults

FAULTS = [
    *faults(
        "cuda/entry.h",
        ("NaN below infinity", "if (magnitude > Order16<T>::kInfinity) return Order16<T>::kNaN;", ""),
        ("-0 below +0", "magnitude == 0 ? 0 : ", ""),
        ("last of equal cells", "(UINT16_MAX - cell)", "cell"),
        ("last of equal cells of float64", "b.key == a.key && b.cell < a.cell", "b.key == a.key && b.cell > a.cell"),
        ("negative keys", "* 0x7FFF);  // a negative key", "* 0x7FFE);  // a negative key"),
        (
            "padding of zeros",
            "__device__ static int16_t empty() { return INT16_MIN; }",
            "__device__ static int16_t empty() { return 0; }",
        ),
    ),
    *faults(
        "cuda/launch.h",
        ("error left behind", "static_cast<void>(cudaGetLastError());  // reported", "// reported"),
        ("grid too wide", "smaller(shape.grid_x, max_grid_x())", "shape.grid_x"),
        (
            "shared memory not asked for",
            "if (shape.shared_bytes > kPlainSharedBytes) {",
            "if (shape.shared_bytes > 2 * kPlainSharedBytes) {",
        ),
        (
            "carve-out of one block",
            "shape.together * (static_cast<int64_t>(shape.shared_bytes) + kSystemSharedBytes)",
            "static_cast<int64_t>(shape.shared_bytes) + kSystemSharedBytes",
        ),
        (
            "carve-out rounded down",
            "ceil_div(100 * bytes, larger<int64_t>(all, 1))",
            "100 * bytes / larger<int64_t>(all, 1)",
        ),
        ("carve-out of more than all", "larger<int64_t>(all, 1)), 100)", "larger<int64_t>(all, 1)), 1000)"),
        ("early whatever the code", "if (known && !captured)", "if (!captured)"),
        ("early while captured", "if (known && !captured)", "if (known)"),
        ("default stream", "config.stream = stream;", "config.stream = nullptr;"),
    ),
    *faults(
        "cuda/portability.h",
        ("early code for older processors", "attributes.ptxVersion >= kEarlyVersion && ", ""),
        ("early on older processors", " && attributes.binaryVersion >= kEarlyVersion", ""),
    ),
    *faults(
        "cuda/divider.h",
        ("shift one short", "(uint64_t{1} << shift_) < divisor", "(uint64_t{2} << shift_) < divisor"),
    ),
]
