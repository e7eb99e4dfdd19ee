"""How the sums over k are made: what is asked (plan, channels), and the algorithms mesh, boxes and disk."""
