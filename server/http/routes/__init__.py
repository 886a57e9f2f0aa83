"""The REST contract. Routes read parameters and choose representations; they never compute."""
