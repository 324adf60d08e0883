"""What the experiments that train share: no question of its own, the rooms that stand below several."""
