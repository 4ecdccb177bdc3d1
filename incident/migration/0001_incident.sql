-- +goose Up

-- Human: no rebuild touches what follows.

-- The register of incidents, each as it stands now.
create table incident (
    incident_id  text primary key,
    site_id      text not null,
    year         bigint not null, -- of the report, at the site
    number       bigint not null, -- within the year
    state        text not null, -- new, open, closed, aside
    anonymous    boolean not null,
    reported_day text not null, -- at the site
    reported_at  bigint not null, -- 0 for an anonymous report: its moment would tell who was signed in
    happened     text not null, -- day at the site, of the event
    study_uid    text not null, -- '' if it was not opened from one
    person       text not null, -- whom that study is about, as the archive names them
    report       text not null, -- JSON, as it was reported
    work         text not null, -- JSON, what those responsible found and did
    version      bigint not null
);
create unique index incident_number on incident (site_id, year, number);
create index incident_person on incident (site_id, person);

-- What was reported, found and done, each with the whole work as it then stood. Never changed.
create table incident_step (
    incident_id text not null,
    site_id     text not null,
    version     bigint not null,
    kind        text not null, -- reported, changed, closed, reopened, aside, erased
    fields      text not null, -- JSON, names of what changed
    reason      text not null,
    work        text not null, -- JSON
    done_by     text not null, -- account, '' for an anonymous report
    done_at     bigint not null, -- 0 likewise
    day         text not null,
    primary key (incident_id, version)
);

-- National criteria of significance, as the site typed them in. What changes is a new one.
create table incident_criterion (
    criterion_id text primary key,
    site_id      text not null,
    words        text not null,
    source       text not null,
    clock        bigint not null, -- 0: as soon as possible, without a number
    unit         text not null, -- day, hour
    ended        boolean not null,
    done_by      text not null,
    done_at      bigint not null,
    day          text not null
);
create index incident_criterion_site on incident_criterion (site_id);

-- Signed statements: that nothing happened in a period, and reviews of a year.
create table incident_statement (
    statement_id text primary key,
    site_id      text not null,
    kind         text not null, -- zero, review
    first_day    text not null,
    last_day     text not null,
    words        text not null,
    name         text not null,
    counted      text not null, -- JSON, what the register then said
    done_by      text not null,
    done_at      bigint not null,
    day          text not null
);
create index incident_statement_site on incident_statement (site_id, kind);

-- +goose Down
drop table incident_statement;
drop table incident_criterion;
drop table incident_step;
drop table incident;
