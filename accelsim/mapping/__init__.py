"""From a layer's masks and a machine to the work of each core: tiles, blocks, row ownership, service times.

Section numbers in this package are those of ``docs/machine.md``.
"""

from accelsim.mapping.core_work import CoreWork, TileWork, map_layer
from accelsim.mapping.support import why_not
from accelsim.mapping.tiling import Tile, check_runs, tile_layer

__all__ = ["CoreWork", "Tile", "TileWork", "check_runs", "map_layer", "tile_layer", "why_not"]
