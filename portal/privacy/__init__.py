"""What the law gives a person: a copy of what Polder knows about them, and its end.

It reaches into every part that keeps something about people, so it stands above them.
"""
