-- Keys by which clients name their requests, so that one that is repeated makes no second job. Forgotten after a day.
CREATE TABLE idempotency_keys (
    user_name TEXT NOT NULL,
    key       TEXT NOT NULL,
    job_id    INTEGER NOT NULL,
    created   INTEGER NOT NULL,
    PRIMARY KEY (user_name, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_created ON idempotency_keys (created);
