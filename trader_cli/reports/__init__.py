"""What a reader gets in a file: a page, and whatever else is made of results."""
