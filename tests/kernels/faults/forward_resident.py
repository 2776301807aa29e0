"""Faults of forward from resident slices."""

from __future__ import annotations

from faults.fault import faults

FAULTS = [
    *faults(
        "cuda/resident.h",
        (
            "no barrier before the next slice",
            "__syncthreads();  // the next block's slice",
            "// the next block's slice",
        ),
        ("no barrier after listing", "static_cast<int32_t>(row);\n    sync_warp();", "static_cast<int32_t>(row);"),
        (
            "no barrier after the pointers",
            "      }\n    }\n    sync_warp();\n  }\n\n  template <typename Thing>",
            "      }\n    }\n  }\n\n  template <typename Thing>",
        ),
        (
            "no barrier before merging",
            "any_lane(pool_bins(tables, count));\n    sync_warp();",
            "any_lane(pool_bins(tables, count));",
        ),
        (
            "no barrier after merging",
            "level.merged_columns);\n    }\n    sync_warp();",
            "level.merged_columns);\n    }",
        ),
        (
            "no barrier after zeroing",
            "batch_[i] = E::zero();\n    }\n    sync_warp();",
            "batch_[i] = E::zero();\n    }",
        ),
        (
            "no barrier after the way out",
            "store_numbers(count);\n    }\n    sync_warp();",
            "store_numbers(count);\n    }",
        ),
        (
            "rows looked at before they are placed",
            "    wait_for_earlier_kernels();\n    const RowSpan",
            "    const RowSpan",
        ),
        ("rows of every source", "args_.sources[row] == source_", "args_.sources[row] >= 0"),
        ("own lane listed too", "((1u << lane_) - 1)", "((2u << lane_) - 1)"),
        (
            "rows past the span",
            "row < end && ",
            "row < larger(end, args_.rows) && ",
            "past a source's span there are no rows of it, and up to the last row all may be read",
        ),
        (
            "rows of every share",
            "int64_t{args_.shares} * kResidentThreads",
            "int64_t{1} * kResidentThreads",
            "every share pools all rows, and writes the same",
        ),
        (
            "rows of a share missing",
            "share_ * int64_t{kResidentThreads} + warp_",
            "share_ * int64_t{2 * kResidentThreads} + warp_",
        ),
        ("last row of a list dropped", "if (listed == 0) break;", "if (listed <= 1) break;"),
        ("empty bins not zeroed", "if (empty) zero_empty_bins", "if (empty && count < 0) zero_empty_bins"),
        (
            "empty bins of one lane",
            "const bool empty = any_lane(pool_bins(tables, count));",
            "const bool empty = pool_bins(tables, count);",
        ),
        ("last empty bin not seen", "empty |= squares[a].empty();", "empty = squares[a].empty();"),
        (
            "output of the records",
            "pointer<T>(place, 1) + item.y, run",
            "pointer<T>(place, 1) + item.y - item.y % 4, run",
        ),
        (
            "merge from the wrong row",
            "corner + k / kColumns * line + k % kColumns",
            "corner + k / kColumns + k % kColumns",
        ),
        ("merge without the last bin", "k < kRows * kColumns; ++k", "k < kRows * kColumns - 1; ++k"),
        ("loops of a merge without the last column", "x < columns; ++x", "x < columns - 1; ++x"),
        ("loops of a merge without the last row", "y < rows; ++y", "y < rows - 1; ++y"),
        (
            "merge of two rows as of three",
            "level.merged_rows == 2 && level.merged_columns == 2",
            "level.merged_rows == 2",
        ),
        ("runs where channels lack", "if (args_.runs && channels_ == kChannels)", "if (args_.runs)"),
        ("runs at odd places", "if (args_.runs && channels_ == kChannels)", "if (channels_ == kChannels)"),
        ("numbers past the last channel", "if (c >= left) break;", ""),
        (
            "numbers of the first level",
            "args_.pyramid.levels[l + 1].first_bin <= run",
            "args_.pyramid.levels[l + 1].first_bin < run",
        ),
        ("second record of a lane missing", "first += kAhead * kWarpSize", "first += (kAhead + 1) * kWarpSize"),
        ("share and image mixed up", "image_ = block / args.shares", "image_ = block % args.images"),
        (
            "blocks of a small grid missing",
            "block < args.blocks; block += gridDim.x",
            "block < args.blocks; block += args.blocks",
        ),
        (
            "output row in 32 bits",
            "+ row * args_.output_stride);",
            "+ int64_t{static_cast<int32_t>(row * args_.output_stride)});",
        ),
    ),
    *faults(
        "cuda/resident_items.h",
        ("record of the first row", "PlaceAnd::of(place, record)", "PlaceAnd::of(0, record)"),
        ("run of the first row", "PlaceAnd::of(place, run)", "PlaceAnd::of(0, run)"),
        ("step of one bin", "StagedAnd::of(staged, bins)", "StagedAnd::of(staged, 1)"),
        ("column of the first slice", "first_channel * bins + bin * kChannels", "bin * kChannels"),
        ("merge from the wrong channel", "channel * finer.bins() +", "0 * channel +"),
        ("merge from the wrong row of bins", "row * level.merged_rows * finer.columns", "row * finer.columns"),
        (
            "merge from the wrong column",
            "(bin - row * level.columns) * level.merged_columns",
            "(bin - row * level.columns)",
        ),
    ),
    *faults(
        "cuda/resident_tables.h",
        ("no barrier before doubling", "++s) {\n      __syncthreads();", "++s) {"),
        ("no barrier after doubling", "    }\n    __syncthreads();\n  }", "    }\n  }"),
        ("last square of a row missing", "2 * half > map_.width) continue;", "2 * half >= map_.width) continue;"),
        ("last row of squares missing", "2 * half > map_.height ||", "2 * half >= map_.height ||"),
        ("square without its last corner", "Cell(tables_[bottom + half]))", "Cell(tables_[top + half]))"),
        ("square not moved back", "smaller(y, height - side)", "y"),
        (
            "column of squares not moved back",
            "smaller(x + side, width - side) - left",
            "smaller(x + side, width - 1) - left",
        ),
        (
            "row of squares not moved back",
            "smaller(y + side, height - side) * map_.width - top",
            "smaller(y + side, height - 1) * map_.width - top",
        ),
        ("three squares of four", "largest_of(a, b, c, d)", "largest_of(a, b, c)"),
        ("step of one square", "x < width; x += 2 * side", "x < width; x += 4 * side"),
        ("vector read past the last channels", "map_.whole_vectors && own == Cell::kChannels", "map_.whole_vectors"),
        ("channel stride of one", "E::of(at[c * map_.channel_stride], i)", "E::of(at[c], i)"),
        ("padding reads a channel", "if (c < own) cell", "if (c <= own) cell"),
        (
            "image offset in 32 bits",
            "image * map_.image_stride",
            "int64_t{static_cast<int32_t>(image * map_.image_stride)}",
        ),
        (
            "channel offset in 32 bits",
            "first * map_.channel_stride",
            "int64_t{static_cast<int32_t>(first * map_.channel_stride)}",
        ),
        ("row offset in 32 bits", "y * map_.row_stride", "int64_t{static_cast<int32_t>(y * map_.row_stride)}"),
        (
            "column offset in 32 bits",
            "(i - y * map_.width) * map_.column_stride",
            "int64_t{static_cast<int32_t>((i - y * map_.width) * map_.column_stride)}",
        ),
    ),
    *faults(
        "cuda/resident_plan.h",
        (
            "runs at any address",
            "reinterpret_cast<uintptr_t>(args.output) % (channels_of_vector * sizeof(T)) == 0",
            "true",
        ),
        (
            "runs of indices at any address",
            "reinterpret_cast<uintptr_t>(args.indices) % (channels_of_vector * index_bytes) == 0",
            "true",
            "indices are the operator's own memory, and begin on a boundary",
        ),
        ("runs at any row stride", "fits(args.output_stride) && ", ""),
        ("runs of odd rows of indices", "fits(args.channels * args.pyramid.bins) && ", ""),
        ("runs at any level", "fits(args.channels * level.first_bin) &&", ""),
        (
            "tables of the last map",
            "table_vectors = larger(table_vectors, (doublings",
            "table_vectors = larger<int64_t>(0, (doublings",
        ),
        (
            "more cells than a record names",
            "cells <= kMostResidentCells && ",
            "",
            "no shared memory there is holds as many",
        ),
        (
            "sources of one map",
            "int64_t{args.map_count} * args.images;\n  plan.project",
            "int64_t{1} * args.images;\n  plan.project",
        ),
        (
            "fewer shares than of use",
            "ceil_div(rows, kResidentThreads)",
            "ceil_div(rows, 2 * kResidentThreads)",
            "fewer blocks share the rows",
        ),
        (
            "spans not cleared",
            "clear_spans(plan.spans, stream);",
            "",
            "what lay there before makes spans longer, never shorter",
        ),
        (
            "slices built after rows",
            "plan.shared_bytes, kResidentBlocks, true}",
            "plan.shared_bytes, kResidentBlocks, false}",
        ),
        (
            "batch of one row",
            "int32_t batch = kMostBatchRows;",
            "int32_t batch = 1;",
            "a warp works on one row at a time",
        ),
        (
            "larger blocks than there is memory for",
            "batch > 1 && bytes(batch) > most",
            "batch > 1 && bytes(batch) > 2 * most",
        ),
    ),
]
