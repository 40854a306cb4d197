-- The metadata of what was archived. These rows are written once and outlive their jobs, so nothing refers to `jobs`.

CREATE TABLE transactions (
    job_id     INTEGER PRIMARY KEY,
    submitter  TEXT,
    project    TEXT,
    instrument TEXT,
    user_name  TEXT NOT NULL,
    received   INTEGER NOT NULL,
    -- metadata.txt, as it was sent.
    document   TEXT NOT NULL
) STRICT;

CREATE INDEX transactions_submitter ON transactions (submitter, job_id) WHERE submitter IS NOT NULL;
CREATE INDEX transactions_project ON transactions (project, job_id) WHERE project IS NOT NULL;
CREATE INDEX transactions_instrument ON transactions (instrument, job_id) WHERE instrument IS NOT NULL;

CREATE TABLE transaction_key_values (
    job_id   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE files (
    file_id   INTEGER PRIMARY KEY,
    job_id    INTEGER NOT NULL,
    -- The place among the Files rows of the document.
    row_index INTEGER NOT NULL,
    -- As they were sent.
    name      TEXT NOT NULL,
    subdir    TEXT NOT NULL,
    -- The path below data/ that both mean.
    path      TEXT NOT NULL,
    size      INTEGER,
    mimetype  TEXT,
    hash_type TEXT NOT NULL,
    hash_sum  TEXT,
    ctime     TEXT,
    mtime     TEXT
) STRICT;

CREATE INDEX files_job ON files (job_id, row_index);

CREATE TABLE file_key_values (
    file_id  INTEGER NOT NULL,
    position INTEGER NOT NULL,
    key      TEXT NOT NULL,
    value    TEXT NOT NULL,
    PRIMARY KEY (file_id, position)
) STRICT, WITHOUT ROWID;
