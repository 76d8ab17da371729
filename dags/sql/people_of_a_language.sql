-- The name of a parameter is written :language for SQLite, %(language)s for PostgreSQL and MySQL, and
-- $language for DuckDB: as the database's driver has it.
select ocamba_id, full_name, email
from people
where language = :language
order by ocamba_id;
