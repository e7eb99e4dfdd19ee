"""How the sums over k are made: of the densities asked for, by mesh, boxes, regions or disk, with their error bars."""
