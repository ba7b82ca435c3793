"""Students of relations: they read a text with its head and tail marked."""
