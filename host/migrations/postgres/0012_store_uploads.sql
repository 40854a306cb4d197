-- Uploads in parts to a store of objects that have begun and not ended. Moments are microseconds since 1970, UTC.

CREATE TABLE store_uploads (
    job_id    BIGINT NOT NULL,
    -- The key of the object, and what the store calls the upload.
    path      TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    begun     BIGINT NOT NULL
);

CREATE INDEX store_uploads_job ON store_uploads (job_id);
