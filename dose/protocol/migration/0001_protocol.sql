-- +goose Up

-- Derived: what follows is made anew whenever the doses of a study are.

-- What one study was made with under one name of a protocol, and what it gave.
create table dose_protocol_use (
    site_id     text not null,
    study_uid   text not null,
    machine_id  text not null,
    protocol    text not null, -- as the machine sends it, '' if it sends none
    type        text not null, -- of acquisition
    modality    text not null,
    day         text not null, -- 2006-01-02, local to the device; '' if unknown
    started     text not null,
    events      bigint not null,
    checked     bigint not null, -- events that tell of a dose check
    settings    text not null, -- JSON: setting to value
    ctdivol_mgy double precision, -- the highest of its events
    dlp_mgycm   double precision, -- sums over its events, here and below
    dap_gym2    double precision,
    rp_gy       double precision,
    agd_mgy     double precision, -- mean over its events
    weight_kg   double precision,
    counted     boolean not null, -- of a patient, and in medians
    primary key (site_id, study_uid, machine_id, protocol, type)
);
create index dose_protocol_use_name on dose_protocol_use (site_id, machine_id, protocol, type, day, started);

-- Protocols whose versions are to be found anew.
create table dose_protocol_stale (
    site_id    text not null,
    machine_id text not null,
    protocol   text not null,
    type       text not null,
    primary key (site_id, machine_id, protocol, type)
);

create table dose_protocol_version (
    site_id    text not null,
    machine_id text not null,
    protocol   text not null,
    type       text not null,
    version    bigint not null, -- from 1
    modality   text not null,
    first_day  text not null,
    last_day   text not null,
    n          bigint not null, -- studies
    settings   text not null, -- JSON: setting to its values, the most frequent first
    changed    text not null, -- JSON: settings that began this version
    primary key (site_id, machine_id, protocol, type, version)
);

-- What events record of the dose checks of CT (PS3.16 TID 10015).
create table dose_protocol_check (
    site_id          text not null,
    study_uid        text not null,
    ordinal          bigint not null,
    kind             text not null, -- alert, notification
    machine_id       text not null,
    protocol         text not null,
    day              text not null,
    started          text not null,
    dlp_set          text not null, -- yes, no, '' if it does not say
    dlp_value        double precision, -- mGy.cm
    dlp_estimate     double precision,
    dlp_exceeded     boolean not null,
    ctdivol_set      text not null,
    ctdivol_value    double precision, -- mGy
    ctdivol_estimate double precision,
    ctdivol_exceeded boolean not null,
    reason           text not null, -- for going on
    role             text not null, -- of the person who did
    counted          boolean not null, -- of a patient
    primary key (site_id, study_uid, ordinal, kind)
);
create index dose_protocol_check_day on dose_protocol_check (site_id, day);

-- Human: no rebuild touches what follows.

-- A change of a protocol that somebody proposes to a room.
create table dose_protocol_proposal (
    proposal_id text primary key,
    site_id     text not null,
    machine_id  text not null,
    room_id     text not null,
    protocol    text not null,
    quantity    text not null,
    ratio       double precision not null,
    low         double precision,
    high        double precision,
    n           bigint not null,
    changes     text not null, -- JSON: what should change
    note        text not null,
    proposed_by text not null,
    proposed_at bigint not null
);
create index dose_protocol_proposal_site on dose_protocol_proposal (site_id);

-- Every study is derived anew, so that what is above is filled.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
    on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop table dose_protocol_proposal;
drop table dose_protocol_check;
drop table dose_protocol_version;
drop table dose_protocol_stale;
drop table dose_protocol_use;
