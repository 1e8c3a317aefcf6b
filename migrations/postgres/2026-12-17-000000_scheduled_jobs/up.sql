-- When each job that one of several servers does was last begun.
CREATE TABLE scheduled_jobs (
    name TEXT PRIMARY KEY NOT NULL,
    started_at TIMESTAMP NOT NULL
);
