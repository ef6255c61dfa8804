"""What answers look like: for each noun a function that makes the shape, and beside it the JSON
Schema that the OpenAPI document holds.
"""
