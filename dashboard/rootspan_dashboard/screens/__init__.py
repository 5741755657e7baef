"""One module a page: fetch, transform, draw.

Not called `pages`: beside the app's script Streamlit would take each file there for a page of its own.
"""
