"""Read models for the dashboard's pages.

SQL with bound parameters in, Arrow tables and frozen dataclasses out.
"""
