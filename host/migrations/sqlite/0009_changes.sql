-- When each job changed last, on one rising scale: whoever listens asks for what came after the last number that it saw.
-- There is one writer at a time, so a number is higher than all that were committed before it. Jobs that have not changed
-- since this migration have no row.
CREATE TABLE job_changes (
    job_id INTEGER PRIMARY KEY,
    change INTEGER NOT NULL
) STRICT;

CREATE INDEX job_changes_change ON job_changes (change);

CREATE TRIGGER jobs_made AFTER INSERT ON jobs BEGIN
    INSERT INTO job_changes (job_id, change)
    VALUES (NEW.id, (SELECT COALESCE(MAX(change), 0) + 1 FROM job_changes))
    ON CONFLICT (job_id) DO UPDATE SET change = excluded.change;
END;

-- What a client can see, so not the renewal of a lease.
CREATE TRIGGER jobs_changed AFTER UPDATE OF kind, user_name, stage, state, task, percent, exception, updated, bytes, files,
    submitter, project, instrument, revision, attempts, steps ON jobs BEGIN
    INSERT INTO job_changes (job_id, change)
    VALUES (NEW.id, (SELECT COALESCE(MAX(change), 0) + 1 FROM job_changes))
    ON CONFLICT (job_id) DO UPDATE SET change = excluded.change;
END;
