"""The exam: small training scripts with a fault, their mended twins, and sound ones that look suspicious.

A pair is one text: lines that end in ``#-`` stand in the faulty script alone, lines that end in ``#+`` in the mended one.
"""
