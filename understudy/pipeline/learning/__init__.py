"""The learning loop: which texts the teacher labels, round by round, and whether choosing them paid.

It owns no prices, prompts or students: it asks the other steps for them.
"""
