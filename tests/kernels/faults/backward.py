"""Faults of backward and gather."""

from __future__ import annotations

from faults.fault import faults

FAULTS = [
    *faults(
        "cuda/scatter.h",
        (
            "no barrier before the list begins anew",
            "  __device__ int32_t list_rows(int64_t first, int32_t count) {\n    __syncthreads();",
            "  __device__ int32_t list_rows(int64_t first, int32_t count) {",
        ),
        ("no barrier before the list grows", "listed_[0] = 0;\n    __syncthreads();", "listed_[0] = 0;"),
        ("no barrier before the list is read", "= i;\n    }\n    __syncthreads();", "= i;\n    }"),
        (
            "no barrier before the cells are written",
            "        visit_rows<uint64_t>(first, rows, visit);\n      }\n    }\n    __syncthreads();",
            "        visit_rows<uint64_t>(first, rows, visit);\n      }\n    }",
        ),
        ("no barrier before the next block", "__syncthreads();  // the next block's", "// the next block's"),
        ("rows of every source", "args_.sources[first + i] == source_", "args_.sources[first + i] >= 0"),
        (
            "channels-last cells of the first band",
            "(image_ * map_->cells + first_cell_) * args_.channels",
            "image_ * map_->cells * args_.channels",
        ),
        ("channels past the last one", "if (c < channels_) gradient[cell", "gradient[cell"),
        ("channels-last from the first channel", "* args_.channels + first_channel_;", "* args_.channels;"),
        ("channels-last cells side by side", "gradient[cell * args_.channels + c]", "gradient[cell * channels_ + c]"),
        ("band begins at its end", "map_->bands * args.band_cells);", "map_->bands * (args.band_cells - 1));"),
        (
            "wide strides in 32 bits",
            "visit_rows<uint64_t>(first, rows, visit);",
            "visit_rows<uint32_t>(first, rows, visit);",
        ),
        ("zero gradients kept in", "if (place >= rows) batch.gradients[b] = from_float<T>(0.0f);", ""),
        ("next batch not fetched", "if (i + step < rows) next = load(i + step);", ""),
        (
            "bins of the first level only",
            "while (l + 1 < args_.pyramid.count && args_.pyramid.levels[l + 1].first_bin <= bin) ++l;",
            "",
        ),
        ("additions of one row", "args_.rows * args_.pyramid.bins)", "args_.pyramid.bins)"),
        ("gradient column stride of one", "column * args_.grad_column_stride", "column"),
        (
            "blocks of a small grid missing",
            "block < args.blocks; block += gridDim.x",
            "block < args.blocks; block += args.blocks",
        ),
    ),
    *faults(
        "cuda/sums.h",
        ("headroom one bit short", "headroom_ = 65 -", "headroom_ = 64 -"),
        ("carry of the addition lost", "carry += old + addend < old;", ""),
        ("carry into a full limb lost", "carry = addend < carry;", "carry = 0;"),
        ("infinities cancel", "flags & kNaN || (flags & kPositive && flags & kNegative)", "flags & kNaN"),
        ("flags of a neighbour", "flag << (cell % kFlagsPerWord * kFlagBits)", "flag << (cell % kFlagsPerWord)"),
        ("negative limbs", "if (value < W(0)) negate(limbs);", ""),
        (
            "largest exponent not noted",
            "exponent < F::kExponents) largest",
            "exponent < F::kExponents - 1) largest",
        ),
        ("sums not cleared", "for (int32_t i = thread; i < cells_; i += threads) sums_[i] = W(0);", ""),
        (
            "last limbs not cleared",
            "i < F::kLimbs * cells_; i += threads",
            "i < (F::kLimbs - 1) * cells_; i += threads",
        ),
        ("flags not cleared", "for (int32_t i = thread; i * kFlagsPerWord < cells_; i += threads) flags_[i] = 0;", ""),
    ),
    *faults(
        "cuda/backward.cu",
        (
            "cells of the last band",
            "map.bands = static_cast<int32_t>(ceil_div(map.cells, band_cells))",
            "map.bands = static_cast<int32_t>(larger<int64_t>(map.cells / band_cells, 1))",
        ),
        (
            "memory of one channel",
            "scatter_shared_bytes<Sums>(channels, band_cells), kScatterBlocks}",
            "scatter_shared_bytes<Sums>(1, band_cells), kScatterBlocks}",
        ),
    ),
    *faults(
        "cuda/gather.cu",
        ("source unchecked", "source >= 0 && source < args.map_count * args.images && ", ""),
        ("negative source", "source >= 0 && source", "source"),
        ("cell past the map", "cell < int64_t{map.height} * map.width", "cell <= int64_t{map.height} * map.width"),
        ("negative cell", "cell >= 0 && cell", "cell"),
        ("empty bin reads", " && index != static_cast<Index>(kNoCell)", ""),
        ("row offset in 32 bits", "y * map.row_stride +", "int64_t{static_cast<int32_t>(y * map.row_stride)} +"),
        ("rows of a small grid missing", "r < args.count; r += gridDim.y", "r < args.count; r += args.count"),
        ("columns of a small grid missing", "column += int64_t{gridDim.x} * kGatherThreads", "column += row_size"),
    ),
]
