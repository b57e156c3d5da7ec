"""The HTTP service: the page, the API, and the worker processes behind it. Extra `serve`.

`app.create_app` builds the application, `run.run` listens. Pictures are held in memory only.
"""
