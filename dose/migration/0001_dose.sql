-- +goose Up

-- Derived: what follows is made anew from the archive by rebuild.

create table dose_report (
    site_id          text not null,
    sop_instance_uid text not null,
    study_uid        text not null,
    kind             text not null, -- ct, projection, mammography, nuclear; '' if it could not be read
    problem          text not null, -- why it could not be read; '' if it was
    counted          boolean not null, -- whether its events count, or another report has them all
    machine_id       text not null,
    received_at      bigint not null,
    primary key (site_id, sop_instance_uid)
);
create index dose_report_study on dose_report (site_id, study_uid);
create index dose_report_received on dose_report (site_id, received_at);

create table dose_study (
    site_id       text not null,
    study_uid     text not null,
    day           text not null, -- 2006-01-02, local to the device; '' if unknown
    started       text not null, -- local, with an offset only where the report has one
    modality      text not null,
    machine_id    text not null,
    patient_id    text not null,
    sex           text not null,
    age_months    bigint,
    weight_kg     double precision,
    height_m      double precision,
    description   text not null,
    events        bigint not null,
    unassigned    bigint not null, -- events that belong to no examination without doubt
    dlp_declared  text, -- exact decimal, mGy.cm
    dlp_summed    text,
    not_patient   text not null, -- the pattern that says so, '' for a patient
    warnings      text not null, -- JSON
    primary key (site_id, study_uid)
);
create index dose_study_day on dose_study (site_id, day);

create table dose_event (
    site_id          text not null,
    study_uid        text not null,
    ordinal          bigint not null, -- in the order of time
    event_key        text not null,
    event_uid        text not null,
    sop_instance_uid text not null, -- of the report it is taken from
    examination      text not null, -- key within the study, '' if unassigned
    assigned_by      text not null,
    started          text not null,
    type             text not null,
    protocol         text not null,
    region           text not null, -- SNOMED CT code, '' if unknown
    region_text      text not null,
    phantom          text not null,
    sequence         boolean not null, -- a scan that levels per sequence speak of
    ctdivol_mgy      double precision,
    dlp_mgycm        double precision,
    body             text not null, -- JSON: every value with its origin
    primary key (site_id, study_uid, ordinal)
);
create index dose_event_uid on dose_event (site_id, event_uid);

create table dose_examination (
    site_id       text not null,
    study_uid     text not null,
    examination   text not null, -- key within the study
    day           text not null,
    started       text not null,
    machine_id    text not null,
    modality      text not null, -- a hybrid study has examinations of two
    exam_code     text not null, -- '' while unmapped
    indication    text not null,
    known_by      text not null,
    assigned_by   text not null,
    mappings      text not null, -- ids between spaces
    name          text not null, -- the most telling local name
    name_source   text not null,
    age_months    bigint,
    weight_kg     double precision,
    events        bigint not null,
    dlp_mgycm     double precision,
    excluded      text not null, -- why it is in no median, '' if it is
    primary key (site_id, study_uid, examination)
);
create index dose_examination_day on dose_examination (site_id, day);
create index dose_examination_exam on dose_examination (site_id, exam_code, day);

create table dose_name (
    site_id     text not null,
    folded      text not null, -- the name as it is compared
    source      text not null, -- procedure, protocol
    machine_id  text not null,
    study_uid   text not null,
    examination text not null,
    shown       text not null, -- as the device sends it
    day         text not null,
    primary key (site_id, folded, source, machine_id, study_uid, examination)
);
create index dose_name_study on dose_name (site_id, study_uid);

create table dose_pending (
    site_id   text not null,
    study_uid text not null,
    ticket    text not null, -- changes when there is more to do
    primary key (site_id, study_uid)
);
create index dose_pending_ticket on dose_pending (ticket);

-- Human: no rebuild touches what follows.

create table dose_mapping (
    mapping_id  text primary key,
    site_id     text not null,
    name        text not null,
    folded      text not null,
    source      text not null,
    machine_id  text not null, -- '' for all machines
    exam_code   text not null,
    indication  text not null,
    known_by    text not null,
    valid_from  text not null,
    approved_by text not null,
    approved_at bigint not null,
    revoked_by  text not null default '',
    revoked_at  bigint not null default 0
);
create index dose_mapping_name on dose_mapping (site_id, folded, source);

create table dose_governing (
    governing_id text primary key,
    site_id      text not null,
    set_id       text not null,
    exam_code    text not null, -- '' for all that the set has levels for
    from_day     text not null,
    to_day       text not null, -- '' while it lasts
    decided_by   text not null,
    decided_at   bigint not null,
    note         text not null
);
create index dose_governing_site on dose_governing (site_id);

-- +goose Down
drop table dose_governing;
drop table dose_mapping;
drop table dose_pending;
drop table dose_name;
drop table dose_examination;
drop table dose_event;
drop table dose_study;
drop table dose_report;
