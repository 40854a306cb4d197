-- Who is signed in to the console, until when. A session ends with the token that it was opened with.
CREATE TABLE sessions (
    -- SHA-256 of the session's secret, in hexadecimal. The secret itself is in the browser alone.
    digest   TEXT PRIMARY KEY,
    token_id TEXT NOT NULL,
    made     INTEGER NOT NULL,
    expires  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_token ON sessions (token_id);
CREATE INDEX sessions_expires ON sessions (expires);
