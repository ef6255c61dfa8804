"""One module a noun; a handler finds, calls one query or one action, and answers."""
