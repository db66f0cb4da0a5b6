"""The lead's pages: will we make the cut-offs, and what is in the way?"""
