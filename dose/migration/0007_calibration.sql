-- +goose Up

-- Human: no rebuild touches what follows.

-- What people say of the calibration of a machine: corrected = reported x factor.
create table dose_calibration (
    calibration_id text primary key,
    site_id        text not null,
    machine_id     text not null,
    quantity       text not null, -- what is measured: dlp, ctdivol, dap, rp, agd, esd, activity
    factor         text not null, -- exact decimal (122322)
    uncertainty    text not null, -- per cent (113763), '' if unknown
    calibrated     text not null, -- day (113723)
    valid_from     text not null, -- day, included
    valid_to       text not null, -- day, included; '' while it lasts
    inside         text not null, -- a factor in the report: applied, not_applied
    note           text not null,
    entered_by     text not null,
    entered_at     bigint not null,
    revoked_by     text not null default '',
    revoked_at     bigint not null default 0
);
create index dose_calibration_machine on dose_calibration (site_id, machine_id, quantity);

-- Which of the two a site compares by.
create table dose_basis (
    site_id    text primary key,
    basis      text not null, -- reported, corrected
    decided_by text not null,
    decided_at bigint not null
);

-- What a newer reader made different: kept, so that it stays readable.
create table dose_change (
    change_id   text primary key,
    site_id     text not null,
    study_uid   text not null,
    examination text not null, -- '' of the study as a whole
    machine_id  text not null,
    day         text not null,
    field       text not null, -- a quantity, warning, or column
    before      text not null, -- '' if there was none
    after       text not null,
    reader_from bigint not null,
    reader_to   bigint not null,
    changed_at  bigint not null
);
create index dose_change_site on dose_change (site_id, reader_to, field);
create index dose_change_study on dose_change (site_id, study_uid);

-- Derived.

alter table dose_amount add column corrected double precision; -- null: no calibration says
alter table dose_amount add column factor text not null default ''; -- exact, by which it was multiplied
alter table dose_amount add column calibration_id text not null default '';
alter table dose_event_amount add column corrected double precision;
create index dose_amount_corrected on dose_amount (site_id, day) where corrected is not null;

-- The version of the reader that a study was derived with; 0 before there was one.
alter table dose_study add column reader_version bigint not null default 0;
create index dose_study_reader on dose_study (site_id, reader_version);

-- What is doubtful or missing, one row for each flag of a study or examination.
create table dose_flag (
    site_id     text not null,
    study_uid   text not null,
    examination text not null, -- '' of the study as a whole
    flag        text not null,
    machine_id  text not null,
    day         text not null,
    n           bigint not null, -- how often
    primary key (site_id, study_uid, examination, flag, machine_id)
);
create index dose_flag_day on dose_flag (site_id, day, flag, machine_id);

-- Every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop table dose_flag;
drop index dose_study_reader;
alter table dose_study drop column reader_version;
drop index dose_amount_corrected;
alter table dose_event_amount drop column corrected;
alter table dose_amount drop column calibration_id;
alter table dose_amount drop column factor;
alter table dose_amount drop column corrected;
drop table dose_change;
drop table dose_basis;
drop table dose_calibration;
