"""The relational database: opening and migrating it, rights in it, and the metadata that the tables of all slices share."""
