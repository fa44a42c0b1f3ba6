"""Poses to elsewhere: tables, animation, pictures, films, a page."""
