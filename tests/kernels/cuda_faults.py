"""The faults that `cuda_mutants.py` plants in the CUDA sources: each a small slip that still compiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """`right`, which stands once in a file below csrc/kernels, becomes `wrong`."""

    file: str
    name: str
    right: str
    wrong: str
    harmless: str = ""  # why no result changes, where none does

    def planted(self, text: str) -> str:
        """The file's text with the fault.

        Raises:
            ValueError: `right` does not stand in the text, or not once.
        """
        if text.count(self.right) != 1:
            raise ValueError(f"{self.file}: {self.name}: {self.right!r} stands there {text.count(self.right)} times")
        return text.replace(self.right, self.wrong)


def _faults(file: str, *faults: tuple[str, ...]) -> list[Fault]:
    return [Fault(file, *fault) for fault in faults]


FAULTS = [
    *_faults(
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
        ("rows of every source", "args_.sources[row] == source_", "args_.sources[row] >= 0"),
        ("own lane listed too", "((1u << lane_) - 1)", "((2u << lane_) - 1)"),
        (
            "rows past the span",
            "row < end && ",
            "row < args_.rows && ",
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
        ("empty bins not zeroed", "if (empty) zero_empty_bins(count);", ""),
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
    *_faults(
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
    *_faults(
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
        ("three squares of four", "larger_of(larger_of(a, b, c), d)", "larger_of(a, b, c)"),
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
    *_faults(
        "cuda/project_bins.h",
        ("larger square than fits", "__clz(smaller(height, width))", "__clz(larger(height, width))"),
        ("cell of the row only", "rows.begin * map.width + columns.begin", "rows.begin * map.width"),
        ("four squares for a long bin", "height > 2 * side || width > 2 * side", "height > 2 * side"),
        (
            "table of another map's size",
            "table * map.height * map.width + cell",
            "table * map.height * map.height + cell",
        ),
        ("an empty bin is a long one", "{BinSquares::kEmpty, 0, 0}", "BinSquares::of_bin(0, 0, 0, 0)"),
        ("bad row of zeros", "= nan_of<T>();", "= T{};"),
        ("bad row half filled", "i < columns; i += threads", "i < columns / 2; i += threads"),
        ("bad row keeps old cells", "= static_cast<Index>(kNoCell);", "= static_cast<Index>(0);"),
        (
            "columns by the rows' number",
            "level.columns, bin - row * level.columns, map.width",
            "level.columns, row, map.width",
        ),
        ("rows of a small grid missing", "int64_t{gridDim.x} * kProjectBinsThreads;\n  for", "total;\n  for"),
    ),
    *_faults(
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
    *_faults(
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
    *_faults(
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
            "larger_of(Cell(from[top + half]), Cell(from[bottom + half]))",
            "Cell(from[top + half])",
        ),
        ("squares of one table too few", "s <= args_.doublings; ++s", "s < args_.doublings; ++s"),
        (
            "cell number from the tile",
            "static_cast<uint32_t>(y) * static_cast<uint32_t>(map_->width) + static_cast<uint32_t>(x)",
            "static_cast<uint32_t>(y - y0_) * static_cast<uint32_t>(map_->width) + static_cast<uint32_t>(x)",
        ),
        ("channel stride of one", "E::of(data[i * map_->channel_stride], number)", "E::of(data[i], number)"),
        ("tile rows by height", "tile / map_->tiles_x * kTileRows", "tile % map_->tiles_x * kTileRows"),
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
    *_faults(
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
    *_faults(
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
    *_faults(
        "cuda/project.h",
        ("rows by the columns' limit", "level.rows, index, map.height)", "level.rows, index, map.width)"),
        (
            "sources of images only",
            "roi.map * forward.images + roi.image",
            "roi.map * forward.map_count + roi.image",
        ),
        ("grid not gone on with", "int64_t{gridDim.x} * kProjectThreads;", "total;"),
    ),
    *_faults(
        "window.h",
        (
            "fused multiply-add",
            "(multiply(position, static_cast<T>(axis.image_scale)) + static_cast<T>(corner.offset))",
            "std::fma(position, static_cast<T>(axis.image_scale), static_cast<T>(corner.offset))",
        ),
        ("halves to even", ": std::round(cells);", ": std::nearbyint(cells);"),
        ("far corners not clamped", "clamp<T>(rounded, -kFar, kFar)", "clamp<T>(rounded, -kFar * 4, kFar * 4)"),
        ("middle rounded towards zero", "(sum - (sum < 0 && sum % 2 != 0)) / 2", "sum / 2"),
        ("last of equally near maps", "distance < least", "distance <= least"),
    ),
    *_faults(
        "pyramid.h",
        ("bins end early", "((index + 1) * extent + bins - 1) / bins", "((index + 1) * extent) / bins"),
        ("low edge unclipped", "clamp<int64_t>(begin, 0, limit)", "clamp<int64_t>(begin, INT32_MIN, limit)"),
    ),
    *_faults(
        "roi.h",
        ("fraction of an image", " || static_cast<T>(image) != row[0]", ""),
        ("inf is an image", "if (!(row[i] - row[i] == T(0))) return bad;", "if (row[i] != row[i]) return bad;"),
        ("map index unchecked", "wanted < 0 || ", ""),
    ),
    *_faults(
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
    *_faults(
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
    *_faults(
        "cuda/spans.cu",
        ("spans from their ends", "args.rows - 1 - r", "args.rows - r"),
        ("source past the last one", "source < 0 || source >= args.source_count", "source < 0"),
        ("spans of a small grid missing", "int64_t{gridDim.x} * kSpanThreads;\n  for", "args.rows;\n  for"),
        ("spans begin at 0", "args.spans, 0xFF, bytes", "args.spans, 0, bytes"),
    ),
    *_faults(
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
    *_faults(
        "cuda/backward.cu",
        (
            "cells of the last band",
            "map.bands = static_cast<int32_t>(ceil_div(map.cells, band_cells))",
            "map.bands = static_cast<int32_t>(larger<int64_t>(map.cells / band_cells, 1))",
        ),
        (
            "memory of one channel",
            "scatter_shared_bytes<Sums>(channels, band_cells)}, stream",
            "scatter_shared_bytes<Sums>(1, band_cells)}, stream",
        ),
    ),
    *_faults(
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
    *_faults(
        "cuda/launch.h",
        ("error left behind", "static_cast<void>(cudaGetLastError());  // reported", "// reported"),
        ("grid too wide", "smaller(shape.grid_x, max_grid_x())", "shape.grid_x"),
        (
            "shared memory not asked for",
            "if (shape.shared_bytes > kPlainSharedBytes) {",
            "if (shape.shared_bytes > 2 * kPlainSharedBytes) {",
        ),
        ("default stream", "config.stream = stream;", "config.stream = nullptr;"),
    ),
    *_faults(
        "cuda/divider.h",
        ("shift one short", "(uint64_t{1} << shift_) < divisor", "(uint64_t{2} << shift_) < divisor"),
    ),
]
