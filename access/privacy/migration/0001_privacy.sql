-- What people asked for, what went wrong and who gets data. Texts about a person
-- stand in the journal, encrypted under a key for each request; here is a pseudonym.

-- +goose Up
create table privacy_request (
    request_id   text primary key,
    site_id      text not null,
    kind         text not null, -- access, rectification, … as in content law/request
    person       text not null default '', -- pseudonym; '' until somebody knows who it is
    channel      text not null, -- letter, mail, phone, desk, portal, other
    received_on  text not null, -- day at the site, 2006-01-02
    state        text not null, -- received, verified, in_work, answered, refused, withdrawn
    verified_how text not null default '',
    owner        text not null default '', -- account
    extended_on  text not null default '', -- day on which the person was told
    closed_on    text not null default '',
    entries      bigint not null default 0, -- of the journal about it
    erased_at    bigint not null default 0, -- when its texts were
    created_by   text not null,
    created_at   bigint not null
);
create index privacy_request_open on privacy_request (site_id, received_on) where closed_on = '';
create index privacy_request_person on privacy_request (site_id, person) where person <> '';

create table privacy_request_step (
    request_id text not null,
    site_id    text not null,
    step       text not null, -- as in content law/request
    done_by    text not null,
    done_at    bigint not null,
    primary key (request_id, step)
);

-- The texts of a breach name no patient.
create table privacy_breach (
    breach_id   text primary key,
    site_id     text not null,
    aware_at    bigint not null,
    aware_text  text not null, -- as typed, with its offset
    kinds       text not null, -- confidentiality, integrity, availability between spaces
    risk        text not null, -- unknown, unlikely, likely, high
    notified_at bigint not null default 0,
    why_late    text not null default '',
    why_not     text not null default '',
    told_at     bigint not null default 0, -- the persons
    closed_at   bigint not null default 0,
    created_by  text not null,
    created_at  bigint not null
);
create index privacy_breach_open on privacy_breach (site_id, aware_at) where closed_at = 0;

create table privacy_breach_phase (
    breach_id    text not null,
    site_id      text not null,
    phase        bigint not null, -- from 1
    what         text not null,
    data         text not null, -- categories
    consequences text not null,
    measures     text not null,
    persons      bigint not null, -- about how many; -1 unknown
    records      bigint not null,
    made_by      text not null,
    made_at      bigint not null,
    primary key (breach_id, phase)
);

create table privacy_party (
    party_id    text primary key,
    site_id     text not null,
    role        text not null, -- processor, sub_processor, recipient, joint_controller
    name        text not null,
    contact     text not null, -- an office, no person
    task        text not null, -- what it does with the data
    contract    text not null, -- reference
    contract_on text not null, -- day
    review_on   text not null, -- day
    country     text not null, -- ISO 3166-1 alpha-2
    transfer    text not null, -- none, adequacy, clauses, rules, derogation
    under       text not null, -- the processor of a sub-processor
    version     bigint not null,
    ended_on    text not null default '',
    changed_by  text not null,
    changed_at  bigint not null
);
create index privacy_party_site on privacy_party (site_id, name);

create table privacy_erasure (
    erasure_id text primary key,
    site_id    text not null,
    person     text not null, -- pseudonym
    request_id text not null,
    reason     text not null, -- names nobody
    plan       text not null, -- JSON: counts, rules, copies
    digest     text not null, -- of what was held when it was planned
    planned_by text not null,
    planned_at bigint not null,
    state      text not null, -- planned, dropped, done
    proof      text not null default '', -- JSON
    done_by    text not null default '',
    done_at    bigint not null default 0
);
create index privacy_erasure_site on privacy_erasure (site_id, planned_at);
create index privacy_erasure_person on privacy_erasure (site_id, person);

-- +goose Down
drop table privacy_erasure;
drop table privacy_party;
drop table privacy_breach_phase;
drop table privacy_breach;
drop table privacy_request_step;
drop table privacy_request;
