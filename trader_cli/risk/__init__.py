"""The rules between a wanted holding and an order: sizing, limits, exits. Small compiled functions, called by `decide`."""
