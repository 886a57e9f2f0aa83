"""The REST contract, route by route. Routes read parameters and choose representations; they never compute."""
