"""Scaling beyond one machine: the same application as replicas of Ray Serve (docs/hosting.md)."""
