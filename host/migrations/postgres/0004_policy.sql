-- Plugins by their digest, and every revision of the policy. Rows are added, never changed.

CREATE TABLE plugins (
    -- `sha256:` and the digest of the component.
    digest        TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    version       TEXT NOT NULL,
    kind          TEXT NOT NULL,
    summary       TEXT NOT NULL,
    -- JSON Schema of the configuration.
    config_schema TEXT NOT NULL,
    -- JSON array of the imported interfaces.
    imports       TEXT NOT NULL,
    size          BIGINT NOT NULL,
    added         BIGINT NOT NULL,
    wasm          BYTEA NOT NULL
);

CREATE INDEX plugins_name ON plugins (name, version);

CREATE TABLE policy_revisions (
    revision BIGINT PRIMARY KEY,
    -- JSON array of rules.
    rules    TEXT NOT NULL,
    message  TEXT NOT NULL,
    author   TEXT NOT NULL,
    origin   TEXT NOT NULL,
    created  BIGINT NOT NULL
);
