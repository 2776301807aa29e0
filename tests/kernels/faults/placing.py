"""Faults of placing rows, windows and bins."""

from __future__ import annotations

from faults.fault import faults

FAULTS = [
    *faults(
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
            "level.columns, column, map.width",
            "level.columns, row, map.width",
        ),
        ("spans of bad rows", "args.spans != nullptr && source != kBadRow", "args.spans != nullptr"),
        ("rows of a small grid missing", "int64_t{gridDim.x} * kProjectBinsThreads;\n  for", "total;\n  for"),
    ),
    *faults(
        "cuda/bin_edges.h",
        ("windows too long for 31 bits", "if ((extent + 1) * bins > INT32_MAX)", "if (extent * bins > INT32_MAX)"),
        ("windows of any length", "if ((extent + 1) * bins > INT32_MAX)", "if (extent > INT32_MAX)"),
        ("rows past 31 bits", "total_ <= INT32_MAX", "total_ >= 0"),
        ("items of the first row", "i - row * per_row_", "i % per_row_ + 0 * row", "the same number"),
    ),
    *faults(
        "cuda/project.h",
        ("rows by the columns' limit", "level.rows, index, map.height)", "level.rows, index, map.width)"),
    ),
    *faults(
        "cuda/spans.cu",
        ("source past the last one", "source < 0 || source >= args.source_count", "source < 0"),
        ("spans of a small grid missing", "int64_t{gridDim.x} * kSpanThreads;\n  for", "args.rows;\n  for"),
        ("spans begin at 0", "args.spans, 0xFF, bytes", "args.spans, 0, bytes"),
    ),
    *faults(
        "cuda/spans.h",
        ("spans from their ends", "rows - 1 - r : r", "rows - r : r"),
        ("first rows only", "last < 2; ++last", "last < 1; ++last"),
        ("neighbor on the wrong side", "last != 0 ? r + 1 : r - 1", "last != 0 ? r - 1 : r + 1"),
        ("no row before the first", "neighbor >= 0 && ", ""),
        ("no row after the last", "neighbor < rows && ", ""),
    ),
    *faults(
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
    *faults(
        "pyramid.h",
        ("bins end early", "(index + 1) * extent + bins - 1", "(index + 1) * extent"),
        ("low edge unclipped", "clamp<int64_t>(begin, 0, limit)", "clamp<int64_t>(begin, INT32_MIN, limit)"),
    ),
    *faults(
        "roi.h",
        ("fraction of an image", " || static_cast<T>(image) != row[0]", ""),
        ("inf is an image", "if (!(row[i] - row[i] == T(0))) return bad;", "if (row[i] != row[i]) return bad;"),
        ("sources of images only", "roi.map * args.images + roi.image", "roi.map * args.map_count + roi.image"),
        ("map index unchecked", "wanted < 0 || ", ""),
    ),
]
