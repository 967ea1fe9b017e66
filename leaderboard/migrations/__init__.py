"""Changes of the tables, one behind the other; none that was released is changed."""
