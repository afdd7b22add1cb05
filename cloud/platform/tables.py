"""The metadata that the tables of all slices share, and the table of the database itself (SQLite or PostgreSQL)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, MetaData, String, Table

metadata = MetaData(
    naming_convention={"pk": "pk_%(table_name)s", "ix": "ix_%(table_name)s_%(column_0_name)s", "fk": "fk_%(table_name)s_%(column_0_name)s"}
)
store_check = Table(  # a row a name, written to see whether the database can be written, or to say that a process stores
    "store_check", metadata, Column("name", String, primary_key=True), Column("at", BigInteger, nullable=False)
)
