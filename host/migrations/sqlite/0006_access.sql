-- Who may change what, and which rules are not well.

CREATE TABLE tokens (
    -- The part of a token that may be shown.
    id      TEXT PRIMARY KEY,
    name    TEXT NOT NULL,
    role    TEXT NOT NULL,
    -- SHA-256 of the whole token, in hexadecimal. The token itself is kept nowhere.
    digest  TEXT NOT NULL,
    author  TEXT NOT NULL,
    created INTEGER NOT NULL,
    revoked INTEGER
) STRICT;

-- Rules that failed too often in a row. A mark is about one version of a rule's plugin: another one is not under it.
CREATE TABLE rule_marks (
    rule     TEXT PRIMARY KEY,
    digest   TEXT NOT NULL,
    failures INTEGER NOT NULL,
    -- The last failure's kind and words.
    kind     TEXT NOT NULL,
    message  TEXT NOT NULL,
    marked   INTEGER NOT NULL
) STRICT;
