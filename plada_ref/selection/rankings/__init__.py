"""The ways to order a pool's images."""
