-- +goose Up
create table job (
    job_id     text primary key,
    site_id    text not null,
    kind       text not null,
    job_key    text not null default '', -- of jobs of one kind with one key, one at most is open
    args       text not null,
    state      text not null, -- open, done, dead
    run_at     bigint not null,
    until_ms   bigint not null default 0, -- end of the lease of who runs it; 0 while nobody does
    holder     text not null default '', -- the process that runs it, or did last
    term       bigint not null default 0, -- counts takings, so that only the last one may end it
    attempts   bigint not null default 0, -- begun since it was added or replayed
    again_at   bigint not null default 0, -- when to run once more, if it was added again while it ran
    error      text not null default '', -- of the last attempt, without quoted values
    error_kind text not null default '',
    created_at bigint not null,
    ended_at   bigint not null default 0
);
create unique index job_once on job (kind, job_key) where state = 'open' and job_key <> '';
create index job_due on job (run_at, job_id) where state = 'open';
create index job_ended on job (state, ended_at) where state <> 'open';

create table job_schedule (
    name    text primary key,
    site_id text not null,
    spec    text not null, -- the schedule in words, to notice that it changed
    next_at bigint not null,
    last_at bigint not null default 0 -- when its job was last added
);

-- +goose Down
drop table job_schedule;
drop table job;
