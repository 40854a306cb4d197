-- Which file has which place in the archive. A place is reserved before anything is put there.

CREATE TABLE job_file_ids (
    job_id   INTEGER PRIMARY KEY,
    first_id INTEGER NOT NULL,
    count    INTEGER NOT NULL
) STRICT;

CREATE TABLE archive_files (
    file_id     INTEGER PRIMARY KEY,
    job_id      INTEGER NOT NULL,
    -- The place of the file's row in the job's metadata document, counted among Files rows.
    row_index   INTEGER NOT NULL,
    location    TEXT NOT NULL UNIQUE,
    size        INTEGER NOT NULL,
    hash_type   TEXT NOT NULL,
    hash_sum    TEXT NOT NULL,
    -- When the file was in its place; none while that is only intended.
    archived_at INTEGER
) STRICT;

CREATE INDEX archive_files_job ON archive_files (job_id, row_index);
