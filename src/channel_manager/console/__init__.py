"""The venue's console at `/console`: pages over the services that partners' calls go through too.

Each page has a module of its own here, named as its address is; `route` lets people in, `rendering`
draws, and `people` knows who they are. Nothing imports this package but the application.
"""
