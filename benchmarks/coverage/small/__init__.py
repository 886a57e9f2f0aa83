"""Small networks of libraries that have no registry to take them from, with random weights.

One file a library. None of these libraries is a dependency: those that are not installed are left
out (`make coverage` installs those of libraries.txt for itself).
"""
