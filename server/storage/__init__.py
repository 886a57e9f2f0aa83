"""Where photos and what was asked of them outlive the process: a folder, S3, whatever fsspec knows.

files.py     bytes under names, anywhere
records.py   what it takes to make an analysis again
told.py      problems in such files
archive.py   photos, records, makers, and the bounds in bytes and age
"""
