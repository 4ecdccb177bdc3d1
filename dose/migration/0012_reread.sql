-- +goose Up

-- What a change is about, and how it was found.
alter table dose_change add column run_id text not null default ''; -- '' of a rebuild, or of a study that was derived anew by itself
alter table dose_change add column modality text not null default '';
alter table dose_change add column what text not null default ''; -- event, value, amount, total, examination, flag, source, study
alter table dose_change add column item text not null default ''; -- key of the event, or id of the source
alter table dose_change add column applied boolean not null default true; -- false: a trial told it
create index dose_change_run on dose_change (site_id, run_id);

-- Human: no rebuild touches what follows.

-- Readings of everything that people asked for.
create table dose_reread (
    run_id     text primary key,
    site_id    text not null,
    dry        boolean not null, -- a trial: nothing is changed
    since      text not null, -- first day of the studies; '' for all
    upto       text not null, -- UID of the last study that was read
    total      bigint not null, -- studies when it began
    done       bigint not null,
    differ     bigint not null, -- studies that are read otherwise
    failed     bigint not null, -- studies that could not be read
    reader     bigint not null, -- version that reads
    asked_by   text not null,
    asked_at   bigint not null,
    ended_at   bigint not null default 0, -- 0 while it goes on
    stopped_by text not null default ''
);
create index dose_reread_site on dose_reread (site_id, ended_at);

-- Derived.

-- What an older reader told of studies that a rebuild reads anew.
create table dose_before (
    site_id     text not null,
    study_uid   text not null,
    what        text not null,
    examination text not null,
    item        text not null,
    field       text not null,
    told        text not null,
    packed      bytea not null default '', -- of an event
    since       bigint not null -- when it was set aside
);
create index dose_before_study on dose_before (site_id, study_uid);
create index dose_before_since on dose_before (since);

-- +goose Down
drop table dose_before;
drop table dose_reread;
drop index dose_change_run;
alter table dose_change drop column applied;
alter table dose_change drop column item;
alter table dose_change drop column what;
alter table dose_change drop column modality;
alter table dose_change drop column run_id;
