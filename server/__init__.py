"""The server: a photo comes in over HTTP, what the network attended to goes out.

upload.py, limits.py   bytes under a size and time limit
imaging.py             bytes → an upright sRGB photo
engine.py              photo → analysis, on its own threads (inference.py, shelf.py, store.py)
views.py               analysis → named arrays, on demand
encode.py, render.py   named arrays → JSON, PNG, npy, safetensors
routes/, app.py        the REST contract (docs/api.md)
"""
