-- +goose Up

-- Human: no rebuild touches what stands here.

-- The site's own templates, each version as it was.
create table audit_template (
    site_id     text not null,
    template_id text not null,
    version     bigint not null,
    body        text not null, -- JSON
    made_by     text not null,
    made_at     bigint not null,
    primary key (site_id, template_id, version)
);

-- One turn of an audit.
create table audit_cycle (
    cycle_id    text primary key,
    site_id     text not null,
    number      bigint not null, -- by which people call it
    series_id   text not null, -- the first cycle with this definition
    follows     text not null, -- the cycle that this one audits again, '' of the first
    template_id text not null,
    year        bigint not null, -- of the plan
    state       text not null,
    lead        text not null, -- account
    reaudit_day text not null, -- 2006-01-02, '' if none is set
    body        text not null -- JSON: reason, definition, frame, result, report, closure
);
create unique index audit_cycle_number on audit_cycle (site_id, number);
create index audit_cycle_series on audit_cycle (series_id);

-- The frozen sample. Holds what names examinations: guarded by an act of its own.
create table audit_case (
    cycle_id  text not null,
    ordinal   bigint not null,
    site_id   text not null,
    case_id   text not null,
    room      text not null,
    day       text not null, -- 2006-01-02, '' if unknown
    object    text not null, -- UID of what it was read from
    automatic text not null, -- yes, no, '' where the evidence has no verdict
    settled   text not null, -- the verdict after readers disagreed
    settled_by text not null,
    reason    text not null, -- why it failed, '' until somebody said
    harm      bigint not null, -- 0 none to 4 severe
    closed_by text not null,
    primary key (cycle_id, ordinal)
);
create index audit_case_object on audit_case (site_id, object);

-- What people answered of a case.
create table audit_answer (
    cycle_id text not null,
    ordinal  bigint not null,
    reader   text not null, -- account
    verdict  text not null, -- yes, no, na
    comment  text not null,
    at       bigint not null,
    primary key (cycle_id, ordinal, reader)
);

-- What is done about an audit.
create table audit_action (
    action_id text primary key,
    cycle_id  text not null,
    site_id   text not null,
    cause     text not null,
    what      text not null,
    owner     text not null, -- account
    due_day   text not null,
    done_day  text not null, -- '' while it is open
    result    text not null
);
create index audit_action_cycle on audit_action (cycle_id);
create index audit_action_due on audit_action (site_id, due_day);

-- Visits from outside: inspections by the authority (Art. 104) and others. No clinical audits.
create table audit_visit (
    visit_id text primary key,
    site_id  text not null,
    number   bigint not null,
    kind     text not null, -- inspection, accreditation, visit
    body     text not null, -- JSON
    made_by  text not null,
    made_at  bigint not null
);
create unique index audit_visit_number on audit_visit (site_id, number);

-- What a site says of a duty: its national article and who answers for it.
create table audit_duty (
    site_id  text not null,
    duty_id  text not null,
    national text not null,
    answers  text not null, -- function, as "head of department"
    note     text not null,
    made_by  text not null,
    made_at  bigint not null,
    primary key (site_id, duty_id)
);

-- Inspection packs as they were signed.
create table audit_pack (
    pack_id   text primary key,
    site_id   text not null,
    number    bigint not null,
    mock      boolean not null,
    as_of     text not null, -- 2006-01-02
    body      text not null, -- JSON
    digest    text not null, -- SHA-256 of body, hexadecimal
    signed_by text not null, -- account
    signed_as text not null, -- name and function as typed
    signed_at bigint not null
);
create unique index audit_pack_number on audit_pack (site_id, number);

-- +goose Down
drop table audit_pack;
drop table audit_duty;
drop table audit_visit;
drop table audit_action;
drop table audit_answer;
drop table audit_case;
drop table audit_cycle;
drop table audit_template;
