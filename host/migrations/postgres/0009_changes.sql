-- When each job changed last, on one rising scale: whoever listens asks for what came after the last number that it saw.
--
-- The number is that of the transaction that made the change. Transactions end in another order than they begin, so a
-- reader takes only numbers below those of the transactions that still run: nothing can come to be among what it has
-- read. A number of a sequence would not do: of two transactions the one that began later may have the lower one.
--
-- A table of its own, as an index over a column of jobs that always changes would make every update of a job one of all its
-- indexes. Jobs that have not changed since this migration have no row.
CREATE TABLE job_changes (
    job_id BIGINT PRIMARY KEY,
    change BIGINT NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX job_changes_change ON job_changes (change);

-- Added to the numbers of transactions, which begin anew when the database is put back into another server.
CREATE TABLE job_change_base (base BIGINT NOT NULL);
INSERT INTO job_change_base (base) VALUES (0);

CREATE FUNCTION note_job_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_changes (job_id, change)
    SELECT NEW.id, base + CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT) FROM job_change_base
    ON CONFLICT (job_id) DO UPDATE SET change = EXCLUDED.change;
    RETURN NULL;
END
$$;

CREATE TRIGGER jobs_made AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION note_job_change();

-- What a client can see, so not the renewal of a lease.
CREATE TRIGGER jobs_changed AFTER UPDATE OF kind, user_name, stage, state, task, percent, exception, updated, bytes, files,
    submitter, project, instrument, revision, attempts, steps ON jobs FOR EACH ROW EXECUTE FUNCTION note_job_change();
