"""A run as a plain PyTorch script, as a reader would write it: what ``code`` prints and what tests compare against.

One file per experiment puts the script together from pieces of source; the other files hold the pieces, and each part
of ``core.parts`` its own. Nothing here computes: pieces are text, which may begin with the imports it needs.
"""
