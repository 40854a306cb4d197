-- Which file has which place in the archive. A place is reserved before anything is put there.

CREATE TABLE job_file_ids (
    job_id   BIGINT PRIMARY KEY,
    first_id BIGINT NOT NULL,
    count    BIGINT NOT NULL
);

CREATE TABLE archive_files (
    file_id     BIGINT PRIMARY KEY,
    job_id      BIGINT NOT NULL,
    -- The place of the file's row in the job's metadata document, counted among Files rows.
    row_index   BIGINT NOT NULL,
    location    TEXT NOT NULL UNIQUE,
    size        BIGINT NOT NULL,
    hash_type   TEXT NOT NULL,
    hash_sum    TEXT NOT NULL,
    -- When the file was in its place; none while that is only intended.
    archived_at BIGINT
);

CREATE INDEX archive_files_job ON archive_files (job_id, row_index);
