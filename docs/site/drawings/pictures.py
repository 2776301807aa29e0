"""The drawings of the pages, each a function that returns an SVG file's text."""

from __future__ import annotations

from canvas import BLUE, CELL, FAINT, GREEN, INK, ORANGE, RED, VIOLET, Canvas

TINTS = (BLUE, ORANGE, GREEN, VIOLET)


def bin_edges(extent: int, bins: int) -> list[tuple[int, int]]:
    """First cell and the one past the last of each bin over an extent, by the rule of docs/conventions.md."""
    return [(k * extent // bins, -((-(k + 1) * extent) // bins)) for k in range(bins)]


def pooling() -> str:
    """From a box in an image to a row of numbers."""
    canvas = Canvas(870, 300, "From a box in an image to a window of cells, to bins, to a row")
    canvas.text(20, 30, "1  a box in pixels", size=14)
    canvas.rect(20, 45, 220, 150, fill="#dfe7f5", line=FAINT)
    canvas.rect(70, 75, 118, 90, line=RED, bold=2)
    canvas.text(74, 70, "x1, y1, x2, y2", size=11, color=RED)
    canvas.text(20, 215, "the image", size=12)

    canvas.text(285, 30, "2  a window of cells", size=14)
    canvas.grid(285, 45, 12, 8)
    canvas.rect(285 + 3 * CELL, 45 + 2 * CELL, 7 * CELL, 5 * CELL, fill=RED + "22", line=RED, bold=2)
    canvas.text(285, 215, "a map of C channels, stride S", size=12)
    canvas.arrow(243, 120, 280, 120)
    canvas.text(261, 110, "project", size=11, anchor="middle")

    canvas.text(545, 30, "3  levels of bins", size=14)
    for place, level in enumerate((3, 2, 1)):
        x, y = 545 + 145 * (place % 2), 45 + 108 * (place // 2)
        canvas.grid(x, y, 7, 5, cell=14)
        for row, (top, bottom) in enumerate(bin_edges(5, level)):
            for column, (left, right) in enumerate(bin_edges(7, level)):
                tint = TINTS[(row + column) % 2]
                size = (right - left) * 14 - 4, (bottom - top) * 14 - 4
                canvas.rect(x + left * 14 + 2, y + top * 14 + 2, *size, fill=tint + "33", line=tint, bold=1.2)
        canvas.text(x, y + 88, f"{level} x {level}: {level * level} bin" + "s" * (level > 1), size=11)
    canvas.arrow(505, 120, 540, 120)
    canvas.text(522, 110, "lay bins", size=11, anchor="middle")

    canvas.text(20, 250, "4  a row: each bin's maximum, level by level, channel by channel", size=14)
    start = 20
    for level, width in ((3, 9), (2, 4), (1, 1)):
        for channel in range(3):
            tint = TINTS[channel]
            canvas.rect(start, 262, width * 14, 20, fill=tint + "44", line=tint)
            start += width * 14 + 2
        canvas.text(start + 2, 277, "..." if level > 1 else "", size=12)
        start += 26
    return canvas.svg()


def packing() -> str:
    """Channels side by side."""
    canvas = Canvas(870, 250, "Sixteen channels of a map are laid side by side, cell by cell")
    canvas.text(20, 30, "a map: one plane a channel", size=14)
    for plane in range(4):
        x, y = 70 - 14 * plane, 45 + 18 * plane
        canvas.grid(x, y, 8, 5)
        canvas.rect(x + 2 * CELL, y + CELL, 4 * CELL, 3 * CELL, fill=TINTS[plane] + "44", line=TINTS[plane], bold=1.5)
    canvas.text(20, 215, "the smallest region that holds all windows (tinted)", size=12)
    canvas.arrow(270, 110, 330, 110)
    canvas.text(300, 100, "pack", size=12, anchor="middle")
    canvas.text(350, 30, "packed: a cell is one vector of all its channels", size=14)
    for row in range(3):
        for column in range(4):
            x, y = 350 + column * 124, 50 + row * 44
            for channel in range(16):
                tint = TINTS[channel % 4]
                canvas.rect(x + channel * 7, y, 7, 26, fill=tint + "55", line=tint, bold=0.5)
    canvas.text(350, 190, "16 channels x 32 bits = 64 bytes: one AVX-512 vector, one line of the cache", size=12)
    canvas.text(350, 210, "one comparison then serves all 16 channels of a cell", size=12)
    return canvas.svg()


def tables() -> str:
    """A bin as four entries of a range-maximum table."""
    canvas = Canvas(870, 270, "A bin of any size is the maximum of four overlapping table entries")
    canvas.text(20, 30, "a bin of 7 x 5 cells: 35 to read", size=14)
    canvas.grid(20, 45, 11, 8)
    canvas.rect(20 + 2 * CELL, 45 + CELL, 7 * CELL, 5 * CELL, fill=FAINT + "33", line=INK, bold=2)
    canvas.arrow(238, 118, 290, 118)
    canvas.text(310, 30, "four squares cover it: 4 to read", size=14)
    canvas.grid(310, 45, 11, 8)
    for place, (x, y) in enumerate(((2, 1), (5, 1), (2, 2), (5, 2))):
        tint = TINTS[place]
        corner = 310 + x * CELL + 2 * place, 45 + y * CELL + 2 * place
        canvas.rect(*corner, 4 * CELL - 4, 4 * CELL - 4, fill=tint + "2e", line=tint, bold=2)
    canvas.text(310, 215, "they overlap: a maximum may see a cell twice", size=12)
    canvas.text(590, 30, "tables: maxima of squares", size=14)
    for place, size in enumerate((1, 2, 4)):
        x = 590 + 88 * place
        canvas.grid(x, 45, 4, 4)
        canvas.rect(x, 45, size * CELL, size * CELL, fill=GREEN + "44", line=GREEN, bold=2)
        canvas.text(x, 135, f"{size} x {size}", size=12)
        if place:
            canvas.arrow(x - 15, 81, x - 3, 81)
    canvas.text(590, 165, "each is made from the one before it:", size=12)
    canvas.text(590, 183, "four of its entries make one", size=12)
    canvas.text(
        20,
        248,
        "Where windows are few or small, cells are read one by one instead: a cost model chooses, map by map.",
        size=12,
    )
    return canvas.svg()


def levels() -> str:
    """Coarse levels out of the finest one."""
    canvas = Canvas(870, 230, "Levels 3, 2 and 1 are merged from the bins of level 6")
    for place, level in enumerate((6, 3, 2, 1)):
        x, cell = 40 + 215 * place, 120 / level
        canvas.grid(x, 50, level, level, cell=cell)
        canvas.text(x, 35, f"{level} x {level}", size=14)
        step = 6 // level
        canvas.rect(x, 50, cell, cell, fill=ORANGE + "66", line=ORANGE, bold=2)
        if place:
            canvas.text(x, 190, f"maximum of {step} x {step} bins" if step < 6 else "maximum of all", size=12)
        else:
            canvas.rect(x, 50, 40, 40, line=BLUE, bold=2)
            canvas.rect(x, 50, 60, 60, line=VIOLET, bold=2)
            canvas.text(x, 190, "reads the map", size=12)
    canvas.arrow(175, 110, 243, 110)
    canvas.text(209, 100, "merge", size=12, anchor="middle")
    canvas.text(
        40,
        215,
        "3, 2 and 1 divide 6, so their bins are exact unions of its bins: 14 of 50 bins never touch the map.",
        size=12,
    )
    return canvas.svg()


def backward() -> str:
    """Gradients go to the winners, a worker to its channels."""
    canvas = Canvas(
        870, 260, "Backward adds each bin's gradient to the cell that won it; workers share channels, not windows"
    )
    canvas.text(20, 30, "forward keeps each bin's winner", size=14)
    canvas.grid(20, 45, 10, 8)
    winners = ((3, 1), (6, 2), (4, 4), (7, 5))
    canvas.rect(20 + 2 * CELL, 45, 7 * CELL, 7 * CELL, line=INK, bold=2)
    canvas.rect(20 + 2 * CELL, 45, 4 * CELL, 4 * CELL, line=BLUE)
    canvas.rect(20 + 5 * CELL, 45 + 3 * CELL, 4 * CELL, 4 * CELL, line=ORANGE)
    for x, y in winners:
        canvas.dot(20 + (x + 0.5) * CELL, 45 + (y + 0.5) * CELL)
    canvas.text(20, 215, "neighboring bins share a row or a column,", size=12)
    canvas.text(20, 232, "so one cell may win several", size=12)
    canvas.text(260, 30, "backward adds gradients to them", size=14)
    canvas.grid(350, 45, 10, 8)
    for place, value in enumerate(("g0", "g1", "g2", "g3")):
        x, y = winners[place]
        canvas.rect(260, 55 + 34 * place, 34, 24, fill=RED + "22", line=RED)
        canvas.text(277, 72 + 34 * place, value, size=12, anchor="middle")
        canvas.arrow(296, 67 + 34 * place, 350 + (x + 0.5) * CELL - 6, 45 + (y + 0.5) * CELL)
    for x, y in winners:
        canvas.dot(350 + (x + 0.5) * CELL, 45 + (y + 0.5) * CELL)
    canvas.text(590, 30, "a worker owns channels", size=14)
    for worker in range(3):
        tint = TINTS[worker]
        for channel in range(3):
            canvas.rect(590 + 80 * worker + 8 * channel, 50 + 8 * channel, 56, 44, fill="#ffffff", line=tint, bold=1.5)
        canvas.text(590 + 80 * worker, 132, f"worker {worker}", size=12, color=tint)
    canvas.text(590, 160, "Each goes through all windows in order,", size=12)
    canvas.text(590, 177, "and adds to no other's channels: no locks,", size=12)
    canvas.text(590, 194, "no atomics, the same bits in every run.", size=12)
    return canvas.svg()


DRAWINGS = {
    "pooling.svg": pooling,
    "kernel_packing.svg": packing,
    "kernel_tables.svg": tables,
    "kernel_levels.svg": levels,
    "kernel_backward.svg": backward,
}
