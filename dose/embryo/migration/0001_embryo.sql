-- +goose Up

-- Human: no rebuild touches what follows.

-- Worksheets of the dose to an embryo or fetus, each with its newest version.
create table dose_embryo (
    sheet_id  text primary key,
    site_id   text not null,
    study_uid text not null, -- whose examinations it is about
    person    text not null, -- as the archive names whom it is about
    state     text not null, -- stands, withdrawn
    version   bigint not null
);
create index dose_embryo_study on dose_embryo (site_id, study_uid);
create index dose_embryo_person on dose_embryo (site_id, person);

-- What was declared or done, never changed.
create table dose_embryo_step (
    sheet_id text not null,
    site_id  text not null,
    version  bigint not null,
    kind     text not null, -- declared, withdrawn
    reason   text not null, -- of a withdrawal, or of a further version
    body     text not null, -- JSON, as it was declared
    result   text not null, -- JSON, as it was calculated on that day
    program  text not null, -- version of the program that calculated
    done_by  text not null, -- account
    done_at  bigint not null,
    day      text not null, -- the same, at the site
    primary key (sheet_id, version)
);

-- +goose Down
drop table dose_embryo_step;
drop table dose_embryo;
