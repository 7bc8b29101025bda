"""The decision path: book, fill, decide, and the loop over bars that calls them."""
