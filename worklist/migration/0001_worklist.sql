-- +goose Up

-- What was ordered: one row a requested procedure. What is searched by stands in
-- columns; everything stands in data.
create table worklist_order (
    order_id     text not null primary key,
    site_id      text not null,
    person       text not null, -- as the journal and the other rooms name the patient; '' if nobody is named
    patient_id   text not null,
    name_folded  text not null, -- alphabetic group, without case and accents
    birth_date   text not null, -- 2006-01-02
    accession        text not null,
    accession_issuer text not null,
    placer       text not null,
    filler       text not null,
    procedure_id text not null,
    study_uid    text not null,
    state        text not null, -- active, cancelled
    origin       text not null, -- api, page, command, csv, hl7
    expected     bigint not null, -- instances that make the study complete; 0: nobody said
    data         text not null, -- JSON, docs/format/worklist.md
    version      bigint not null,
    created_at   bigint not null,
    changed_at   bigint not null,
    changed_by   text not null
);
create unique index worklist_order_name on worklist_order (site_id, accession, accession_issuer, procedure_id) where state <> 'cancelled';
create index worklist_order_person on worklist_order (site_id, person) where person <> '';
create index worklist_order_study on worklist_order (site_id, study_uid);
create index worklist_order_placer on worklist_order (site_id, placer) where placer <> '';
create index worklist_order_filler on worklist_order (site_id, filler) where filler <> '';

-- What was scheduled of it: scheduled procedure steps.
create table worklist_step (
    step_key    text not null primary key,
    site_id     text not null,
    order_id    text not null references worklist_order (order_id),
    number      bigint not null, -- within the order, from 1
    step_id     text not null, -- Scheduled Procedure Step ID
    stations    text not null, -- application entity titles, each between backslashes: \CT1\CT2\
    modality    text not null,
    location    text not null,
    start_local text not null, -- 2006-01-02T15:04:05 at the site
    start_at    bigint not null,
    state       text not null, -- scheduled, arrived, in_progress, completed, discontinued, cancelled
    data        text not null, -- JSON
    changed_at  bigint not null
);
create index worklist_step_start on worklist_step (site_id, start_at);
create index worklist_step_order on worklist_step (order_id, number);
create index worklist_step_id on worklist_step (site_id, step_id);

-- What was done: performed procedure steps (MPPS).
create table worklist_performed (
    site_id     text not null,
    sop_uid     text not null,
    person      text not null,
    state       text not null, -- in_progress, completed, discontinued
    study_uid   text not null,
    accession   text not null,
    station     text not null, -- application entity title
    modality    text not null,
    calling_ae  text not null,
    start_local text not null,
    end_local   text not null,
    reference_count bigint not null, -- instances it says it made
    problems    text not null, -- JSON: what was missing or odd, codes
    document    text not null, -- JSON of PS3.18 Annex F: all attributes as they are now
    created_at  bigint not null,
    changed_at  bigint not null,
    primary key (site_id, sop_uid)
);
create index worklist_performed_study on worklist_performed (site_id, study_uid) where study_uid <> '';
create index worklist_performed_person on worklist_performed (site_id, person) where person <> '';
create index worklist_performed_time on worklist_performed (site_id, created_at);

-- Every N-CREATE and N-SET as it came, refused ones not.
create table worklist_performed_message (
    message_id text not null primary key,
    site_id    text not null,
    sop_uid    text not null,
    operation  text not null, -- create, set
    actor      text not null,
    at         bigint not null,
    document   text not null
);
create index worklist_performed_message_of on worklist_performed_message (site_id, sop_uid, message_id);

-- Which scheduled steps a performed step is about.
create table worklist_performed_step (
    site_id  text not null,
    sop_uid  text not null,
    step_key text not null,
    how      text not null, -- step, person: named by the message, or assigned by a person
    primary key (site_id, sop_uid, step_key)
);
create index worklist_performed_step_of on worklist_performed_step (step_key);

-- Derived: studies as they arrive, and what they belong to. A rebuild makes it again.
create table worklist_study (
    site_id    text not null,
    study_uid  text not null,
    person     text not null,
    accession  text not null,
    match      text not null, -- '' not looked yet, matched, suspected, unmatched
    reason     text not null, -- how it was matched, or why it was not
    order_id   text not null, -- '' if none
    instances  bigint not null, -- that arrived
    first_at   bigint not null,
    last_at    bigint not null,
    calling_ae text not null, -- who sent last
    stirred_at bigint not null, -- since when it waits to be matched; 0: it does not
    due_at     bigint not null, -- when it may have become complete; 0: nothing to do
    primary key (site_id, study_uid)
);
create index worklist_study_stirred on worklist_study (stirred_at) where stirred_at <> 0;
create index worklist_study_due on worklist_study (due_at) where due_at <> 0;
create index worklist_study_person on worklist_study (site_id, person) where person <> '';
create index worklist_study_accession on worklist_study (site_id, accession) where accession <> '';
create index worklist_study_match on worklist_study (site_id, match, last_at);

-- What was announced about a study. No rebuild touches it, so nothing is announced twice.
create table worklist_announced (
    site_id    text not null,
    study_uid  text not null,
    state      text not null, -- complete, changed
    reason     text not null, -- quiet, performed, expected
    instances  bigint not null, -- when it was complete
    expected   bigint not null, -- 0: nobody said
    at         bigint not null,
    times      bigint not null, -- how often it was complete
    primary key (site_id, study_uid)
);

-- Human: which order a study belongs to, as a person decided.
create table worklist_decision (
    site_id    text not null,
    study_uid  text not null,
    order_id   text not null, -- '': to none
    reason     text not null,
    decided_by text not null,
    decided_at bigint not null,
    primary key (site_id, study_uid)
);

-- Settings of a site (peer = '') and of its peers.
create table worklist_setting (
    site_id text not null,
    peer    text not null,
    data    text not null, -- JSON
    primary key (site_id, peer)
);

-- Requests that were answered, so that one sent again changes nothing.
create table worklist_request (
    site_id  text not null,
    actor    text not null,
    key      text not null,
    digest   text not null, -- SHA-256 of what was asked
    order_id text not null,
    at       bigint not null,
    primary key (site_id, actor, key)
);
create index worklist_request_at on worklist_request (at);

-- +goose Down
drop table worklist_request;
drop table worklist_setting;
drop table worklist_decision;
drop table worklist_announced;
drop table worklist_study;
drop table worklist_performed_step;
drop table worklist_performed_message;
drop table worklist_performed;
drop table worklist_step;
drop table worklist_order;
