"""What takes too long for the tests: `make soak` and `make fuzz`."""
