"""The REST contract. Routes parse parameters and choose representations; they never compute."""
