"""Faults of forward from tables in global memory."""

from __future__ import annotations

from faults.fault import faults

FAULTS = [
    *faults(
        "cuda/forward_plan.h",
        (
            "vector address unchecked",
            "reinterpret_cast<uintptr_t>(map.data) % (channels_of_vector * sizeof(T)) == 0",
            "true",
        ),
        ("vector image stride unchecked", "fits(map.image_stride) && ", ""),
        ("vector row stride unchecked", "fits(map.row_stride) && ", ""),
        ("vector column stride unchecked", " && fits(map.column_stride)", ""),
        ("vector channel stride unchecked", "map.channel_stride == 1 && ", ""),
        ("pair address unchecked", "reinterpret_cast<uintptr_t>(args.output) % (2 * sizeof(T)) == 0", "true"),
        ("pair row stride unchecked", "args.output_stride % 2 == 0 && ", ""),
        ("pair level start unchecked", "args.channels * level.first_bin % 2 == 0 && ", ""),
        ("pair odd level", "level.bins() % 2 == 0 && ", ""),
        ("sources of merged levels kept in runs", "pyramid.levels[l].source = -1;", ";"),
        (
            "one doubling too many",
            "(2 << doublings) <= longest",
            "(1 << doublings) <= longest",
            "larger squares than any bin takes are built and not read",
        ),
        (
            "tables of one image",
            "memory.take<Cell>((doublings + 1) * args.images * image_size)",
            "memory.take<Cell>((doublings + 1) * image_size)",
        ),
        ("tables without the last one", "memory.take<Cell>((doublings + 1)", "memory.take<Cell>(larger(doublings, 1)"),
        (
            "bins of one level counted double",
            "layout.per_row += level.source < 0",
            "layout.per_row += level.source < 1",
            "ranges are kept that nobody reads",
        ),
        ("tables for maps of 32-bit cells only", "short_indices ? kMaxCells16 : INT32_MAX", "INT32_MAX"),
    ),
    *faults(
        "cuda/tables.h",
        (
            "vector read past the last channels",
            "map_->whole_vectors && first + Cell::kChannels <= args_.channels",
            "map_->whole_vectors",
        ),
        (
            "last table row missing",
            "y0_ + y >= map_->height || x0_ + x >= map_->width) return;",
            "y0_ + y >= map_->height - (s > 0) || x0_ + x >= map_->width) return;",
        ),
        ("last column of a tile missing", "x >= kTileColumns ||", "x >= kTileColumns - 1 ||"),
        (
            "margin of a tile missing",
            "y0_ + y < map_->height && x0_ + x < map_->width ?",
            "y < kTileRows && y0_ + y < map_->height && x0_ + x < map_->width ?",
        ),
        (
            "no barrier between doublings",
            "const int32_t half = 1 << (s - 1);\n      __syncthreads();",
            "const int32_t half = 1 << (s - 1);",
        ),
        ("no barrier between tiles", "__syncthreads();  // the next tile", "// the next tile"),
        (
            "square without its last corner",
            "Cell(from[i + half]), Cell(from[bottom + half]))",
            "Cell(from[i + half]))",
        ),
        ("square beyond the margin", "if (x + 2 * half > columns) continue;", "if (x + half > columns) continue;"),
        ("last square of a margin missing", "x + 2 * half > columns", "x + 2 * half >= columns"),
        ("squares of one table too few", "s <= args_.doublings; ++s", "s < args_.doublings; ++s"),
        (
            "cell number from the tile",
            "static_cast<uint32_t>(y) * static_cast<uint32_t>(map_->width) + static_cast<uint32_t>(x)",
            "static_cast<uint32_t>(y - y0_) * static_cast<uint32_t>(map_->width) + static_cast<uint32_t>(x)",
        ),
        ("channel stride of one", "E::of(data[i * map_->channel_stride], number)", "E::of(data[i], number)"),
        ("tile rows by height", "tile_row * kTileRows", "(tile - tile_row * map_->tiles_x) * kTileRows"),
        ("row left of a step too few", "rows - (2 * half - 1)", "rows - 2 * half"),
        ("padding reads a channel", "if (first + i < args_.channels) cell", "if (first + i <= args_.channels) cell"),
        (
            "image offset in 32 bits",
            "image_ * map_->image_stride",
            "int64_t{static_cast<int32_t>(image_ * map_->image_stride)}",
        ),
        ("row offset in 32 bits", "y * map_->row_stride", "int64_t{static_cast<int32_t>(y * map_->row_stride)}"),
        (
            "channel offset in 32 bits",
            "first * map_->channel_stride",
            "int64_t{static_cast<int32_t>(first * map_->channel_stride)}",
        ),
        (
            "grid not gone on with",
            "block < args.blocks; block += gridDim.x",
            "block < args.blocks; block += args.blocks",
        ),
    ),
    *faults(
        "cuda/pool.h",
        ("square not moved back", "smaller(y, bin.height - side)", "y"),
        (
            "second column of squares not moved back",
            "smaller(x + side, bin.width - side)",
            "smaller(x + side, bin.width - 1)",
        ),
        (
            "larger square than fits",
            "smaller(31 - __clz(smaller(height, width)), doublings)",
            "smaller(31 - __clz(larger(height, width)), doublings)",
        ),
        ("step of one square", "y < bin.height; y += 2 * side", "y < bin.height; y += 4 * side"),
        ("no barrier before merging", "        }\n        sync_warp();\n      }", "        }\n      }"),
        (
            "no barrier after the way out",
            "      }\n      sync_warp();\n      first += count;",
            "      }\n      first += count;",
        ),
        ("no barrier after locating", "any_lane(own_empty);\n    sync_warp();", "any_lane(own_empty);"),
        ("empty bins not zeroed", "if (any_empty) zero_empty_bins", "if (any_empty && !whole) zero_empty_bins"),
        (
            "empty bins of the own lane only",
            "const bool any_empty = any_lane(own_empty);",
            "const bool any_empty = own_empty;",
        ),
        ("merge without the last column", "smaller(x + 1, width - 1)", "smaller(x, width - 1)"),
        (
            "merge of one row",
            "for (int32_t y = 0; y < height; ++y) {\n        const int32_t line",
            "for (int32_t y = 0; y < 1; ++y) {\n        const int32_t line",
        ),
        ("vectors past the last one read", "smaller(column() + v * kLanes, vectors_ - 1)", "column() + v * kLanes"),
        (
            "bad rows pooled",
            "if (source == kBadRow) return emit_.bad_row();",
            "if (source == kBadRow - 1) return emit_.bad_row();",
        ),
        ("map of the image", "source - m * args_.images, l", "source - m, l"),
        ("rows of a small grid missing", "row += int64_t{gridDim.x} * kPoolWarps", "row += args.rows"),
        ("chunks of a small grid missing", "chunk < chunks; chunk += gridDim.y", "chunk < chunks; chunk += chunks"),
    ),
    *faults(
        "cuda/write_output.h",
        ("bad row writes zero", "const T nan = nan_of<T>();", "const T nan{};"),
        ("rest of a vector missing", "bin < count && rest > 0", "bin < count && rest > 1"),
        ("rest written whole", "if (c >= channels) break;", ";"),
        ("bin past the end", "if (bin >= count) continue;", "if (bin > count) continue;"),
        (
            "indices as wide as the output",
            "row_ * args_.channels * args_.pyramid.bins + start;",
            "row_ * args_.output_stride + start;",
        ),
        (
            "row offset in 32 bits",
            "row_ * args_.output_stride + start;\n    Index* indices",
            "int64_t{static_cast<int32_t>(row_ * args_.output_stride)} + start;\n    Index* indices",
        ),
    ),
]
