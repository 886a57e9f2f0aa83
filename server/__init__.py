"""The server: a photo comes in over HTTP, and what the network attended to goes out.

intake/     bytes → an upright sRGB photo, or a sentence
engine/     photo → analysis, on its own threads; jobs and batches
storage/    photos and results that outlive the process
answers/    analysis → named arrays, on demand
wire/       named arrays → JSON, PNG, npy, safetensors
http/       the REST contract (docs/api.md), uploads, limits, security
cluster/    the same application on Ray Serve
commands/   the command line
language/   translations
"""
