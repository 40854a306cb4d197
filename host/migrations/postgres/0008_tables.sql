-- Lookup tables that admins load for rules to read. Versions are added, never changed.

CREATE TABLE lookup_tables (
    name    TEXT PRIMARY KEY,
    -- The newest version and its digest.
    version BIGINT NOT NULL,
    digest  TEXT NOT NULL
);

CREATE TABLE lookup_table_versions (
    name       TEXT NOT NULL,
    -- Counted from 1.
    version    BIGINT NOT NULL,
    -- `sha256:` and the digest of the contents.
    digest     TEXT NOT NULL,
    -- JSON array of the columns' names; the first one holds the keys.
    columns    TEXT NOT NULL,
    table_rows BIGINT NOT NULL,
    size       BIGINT NOT NULL,
    author     TEXT NOT NULL,
    created    BIGINT NOT NULL,
    -- The table as CSV.
    contents   BYTEA NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE INDEX lookup_table_versions_digest ON lookup_table_versions (name, digest);

-- Which tables the rules of a revision are granted. Reports of such a revision name versions of them.
CREATE TABLE table_grants (
    name     TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (name, revision)
);
