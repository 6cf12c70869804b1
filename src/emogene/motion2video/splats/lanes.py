"""A splat on the pixels of a tile, eight at a time, as LLVM vector code.

Numba's own loops over a splat's few pixels stay scalar or fall into their remainder; these are straight lines
of eight-lane operations for one to four blocks of eight pixels in a row. A tile keeps its rows one after the
other, each as planes of ``TILE_WIDTH`` floats side by side, so that a row's planes share a cache page.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic as numba_intrinsic

intrinsic: Any = numba_intrinsic
LANES = 8
BLOCKS = 4
TILE_WIDTH = LANES * BLOCKS

_FLOAT, _INT = ir.FloatType(), ir.IntType(64)
_INDEX = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, LANES)
_UNDEFINED = ir.Constant(_VECTOR, ir.Undefined)
_FAST = ("fast",)


class _Lanes:
    """Float arithmetic on vectors, and memory as planes of a tile's row."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def all(self, value: Any) -> Any:
        """A scalar in every lane."""
        first = self.builder.insert_element(_UNDEFINED, value, ir.Constant(_INDEX, 0))
        return self.builder.shuffle_vector(
            first, _UNDEFINED, ir.Constant(ir.VectorType(_INDEX, LANES), [0] * LANES)
        )

    def constant(self, values: list[float]) -> Any:
        return ir.Constant(_VECTOR, values)

    def mul(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FAST)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FAST)

    def sub(self, a: Any, b: Any) -> Any:
        return self.builder.fsub(a, b, flags=_FAST)

    def div(self, a: Any, b: Any) -> Any:
        return self.builder.fdiv(a, b, flags=_FAST)

    def positive(self, a: Any) -> Any:
        zero = self.constant([0.0] * LANES)
        return self.builder.select(self.builder.fcmp_ordered(">", a, zero, flags=_FAST), a, zero)

    def total(self, vector: Any) -> Any:
        """The sum of the lanes, a scalar."""
        width = LANES
        while width > 2:
            width //= 2
            nothing, kind = ir.Constant(vector.type, ir.Undefined), ir.VectorType(_INDEX, width)
            halves = (
                self.builder.shuffle_vector(
                    vector, nothing, ir.Constant(kind, list(range(start, start + width)))
                )
                for start in (0, width)
            )
            vector = self.add(*halves)
        first, second = (self.builder.extract_element(vector, ir.Constant(_INDEX, i)) for i in range(2))
        return self.add(first, second)

    def place(self, address: Any, index: Any) -> Any:
        """A pointer to the float ``index`` places after ``address``."""
        byte = self.builder.add(address, self.builder.mul(index, ir.Constant(_INT, 4)))
        return self.builder.inttoptr(byte, _FLOAT.as_pointer())

    def load(self, row: Any, offset: int) -> Any:
        return self.builder.load(self._vector_at(row, offset), align=4 * LANES)

    def store(self, vector: Any, row: Any, offset: int) -> None:
        self.builder.store(vector, self._vector_at(row, offset), align=4 * LANES)

    def _vector_at(self, row: Any, offset: int) -> Any:
        place = self.builder.gep(row, [ir.Constant(_INT, offset)])
        return self.builder.bitcast(place, _VECTOR.as_pointer())


def _by_block_count(builder: Any, blocks: Any, body: Callable[[int], None]) -> None:
    """``body(n)`` for the ``n`` in 1..BLOCKS that ``blocks`` is at run time."""
    after = builder.append_basic_block("after")
    switch = builder.switch(blocks, after)
    for count in range(1, BLOCKS + 1):
        case = builder.append_basic_block(f"blocks_{count}")
        switch.add_case(ir.Constant(_INT, count), case)
        builder.position_at_end(case)
        body(count)
        builder.branch(after)
    builder.position_at_end(after)


def _columns(lanes: _Lanes, x: Any, count: int) -> list[Any]:
    """dx of each block's pixels, from that of the first pixel."""
    first = lanes.all(x)
    steps = ([float(LANES * block + i) for i in range(LANES)] for block in range(count))
    return [lanes.add(first, lanes.constant(step)) for step in steps]


_SPLAT = (types.int64,) * 4 + (types.float32,) * 9
"""address, first, rows, blocks; dx, dy, a, b, c, opacity, red, green, blue."""


@intrinsic
def blend(typing, address, first, rows, blocks, dx, dy, a, b, c, opacity, red, green, blue):
    """Put a splat behind what is in the tile at ``address``, whose planes are T, R, G, B.

    ``first``: index of the float at the first row and block; ``rows`` and ``blocks`` to go through; ``dx``
    and ``dy``: from the splat's centre to that block's first pixel; ``a, b, c``: its conic.
    """

    def generate(context, builder, signature, arguments):
        address, first, rows, blocks, dx, dy, a, b, c, opacity, *colour = arguments
        lanes, one = _Lanes(builder), ir.Constant(_FLOAT, 1.0)

        def body(count: int) -> None:
            columns = _columns(lanes, dx, count)
            square = [lanes.mul(lanes.all(a), lanes.mul(x, x)) for x in columns]
            strength, colours = lanes.all(opacity), [lanes.all(value) for value in colour]
            with cgutils.for_range(builder, rows, intp=_INT) as loop:
                y = lanes.add(dy, builder.sitofp(loop.index, _FLOAT))
                level = lanes.all(lanes.sub(one, lanes.mul(c, lanes.mul(y, y))))
                slope = lanes.all(lanes.mul(b, y))
                start = builder.add(first, builder.mul(loop.index, ir.Constant(_INT, 4 * TILE_WIDTH)))
                row = lanes.place(address, start)
                for block in range(count):
                    h = lanes.sub(lanes.sub(level, square[block]), lanes.mul(slope, columns[block]))
                    h = lanes.positive(h)
                    h = lanes.mul(h, h)
                    left = lanes.load(row, LANES * block)
                    weight = lanes.mul(lanes.mul(strength, lanes.mul(h, h)), left)
                    lanes.store(lanes.sub(left, weight), row, LANES * block)
                    for plane, value in enumerate(colours, 1):
                        at = plane * TILE_WIDTH + LANES * block
                        lanes.store(lanes.add(lanes.load(row, at), lanes.mul(weight, value)), row, at)

        _by_block_count(builder, blocks, body)
        return context.get_dummy_value()

    return types.void(*_SPLAT), generate


@intrinsic
def blend_backward(typing, address, first, rows, blocks, dx, dy, a, b, c, opacity, red, green, blue, sums):
    """The way back of :func:`blend`, front to back again. Adds to the nine floats at the address ``sums``.

    The planes are T; what is still to come, weighed by the gradient; and the gradient of R, G and B. The
    sums are of dL/dh times dx, dy, dx dx, dx dy, dy dy (but for 4 opacity, the caller's), then dL/dopacity
    and dL/dcolour.
    """

    def generate(context, builder, signature, arguments):
        address, first, rows, blocks, dx, dy, a, b, c, opacity, red, green, blue, sums = arguments
        lanes, one = _Lanes(builder), ir.Constant(_FLOAT, 1.0)

        def body(count: int) -> None:
            columns = _columns(lanes, dx, count)
            square = [lanes.mul(lanes.all(a), lanes.mul(x, x)) for x in columns]
            strength, colours = lanes.all(opacity), [lanes.all(value) for value in (red, green, blue)]
            kept = [cgutils.alloca_once(builder, _VECTOR) for _ in range(9)]
            for total in kept:
                builder.store(lanes.constant([0.0] * LANES), total)

            def accumulate(which: int, value: Any) -> None:
                builder.store(lanes.add(builder.load(kept[which]), value), kept[which])

            with cgutils.for_range(builder, rows, intp=_INT) as loop:
                y = lanes.add(dy, builder.sitofp(loop.index, _FLOAT))
                level = lanes.all(lanes.sub(one, lanes.mul(c, lanes.mul(y, y))))
                slope, height = lanes.all(lanes.mul(b, y)), lanes.all(y)
                start = builder.add(first, builder.mul(loop.index, ir.Constant(_INT, 5 * TILE_WIDTH)))
                row = lanes.place(address, start)
                for block in range(count):
                    planes = [plane * TILE_WIDTH + LANES * block for plane in range(5)]
                    h = lanes.sub(lanes.sub(level, square[block]), lanes.mul(slope, columns[block]))
                    h = lanes.positive(h)
                    cube = lanes.mul(lanes.mul(h, h), h)
                    shape = lanes.mul(cube, h)
                    alpha = lanes.mul(strength, shape)
                    left, rest, *gradient = (lanes.load(row, plane) for plane in planes)
                    weight = lanes.mul(alpha, left)
                    value = lanes.mul(gradient[0], colours[0])
                    value = lanes.add(value, lanes.mul(gradient[1], colours[1]))
                    value = lanes.add(value, lanes.mul(gradient[2], colours[2]))
                    rest = lanes.sub(rest, lanes.mul(weight, value))
                    lanes.store(rest, row, planes[1])
                    lanes.store(lanes.sub(left, weight), row, planes[0])
                    through = lanes.sub(lanes.constant([1.0] * LANES), alpha)
                    of_alpha = lanes.sub(lanes.mul(left, value), lanes.div(rest, through))
                    of_h = lanes.mul(of_alpha, cube)
                    x = columns[block]
                    by_x, by_y = lanes.mul(of_h, x), lanes.mul(of_h, height)
                    accumulate(0, by_x)
                    accumulate(1, by_y)
                    accumulate(2, lanes.mul(by_x, x))
                    accumulate(3, lanes.mul(by_x, height))
                    accumulate(4, lanes.mul(by_y, height))
                    accumulate(5, lanes.mul(of_alpha, shape))
                    for channel in range(3):
                        accumulate(6 + channel, lanes.mul(weight, gradient[channel]))
            for which, total in enumerate(kept):
                place = lanes.place(sums, ir.Constant(_INT, which))
                builder.store(lanes.add(builder.load(place), lanes.total(builder.load(total))), place)

        _by_block_count(builder, blocks, body)
        return context.get_dummy_value()

    return types.void(*_SPLAT, types.int64), generate
