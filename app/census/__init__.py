"""The children's social work workforce census: the collection's fields, with its validation messages."""
