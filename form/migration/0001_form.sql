-- +goose Up

-- Human: no rebuild touches these tables.

-- Versions of forms that a site made or took in. What content ships is not here.
create table form_version (
    site_id      text not null,
    url          text not null, -- canonical
    version      text not null,
    title        text not null,
    state        text not null, -- draft, active, retired
    resource     text not null, -- Questionnaire, JSON
    digest       text not null, -- SHA-256 of the resource, hexadecimal
    made_by      text not null,
    made_at      bigint not null,
    published_by text not null default '',
    published_at bigint not null default 0,
    primary key (site_id, url, version)
);

-- What is answered: bound to one version for good.
create table form_response (
    site_id     text not null,
    response_id text not null,
    url         text not null,
    version     text not null,
    title       text not null, -- by which people find it
    about       text not null, -- what it is of, as the room that asked names it: audit/…, room/…; '' for nothing
    person      text not null, -- of whom it is, as the archive names persons; '' for nobody
    state       text not null, -- in_progress, completed, amended, stopped
    revision    bigint not null, -- counts from 1; every save makes the next
    answered    bigint not null, -- questions
    asked       bigint not null,
    resource    text not null, -- QuestionnaireResponse, JSON
    opened_by   text not null,
    opened_at   bigint not null,
    saved_at    bigint not null,
    signed_by   text not null default '',
    signed_at   bigint not null default 0,
    measured    text not null default '', -- JSON: the facts of the evidence catalogue beside its questions, as they were when it was signed
    primary key (site_id, response_id)
);
create index form_response_form on form_response (site_id, url, version, state);
create index form_response_about on form_response (site_id, about) where about <> '';
create index form_response_person on form_response (site_id, person) where person <> '';

-- Who answered what, and when.
create table form_change (
    site_id     text not null,
    response_id text not null,
    revision    bigint not null,
    ordinal     bigint not null,
    path        text not null, -- of the question, '' for the response as a whole
    what        text not null, -- opened, answered, measured, added, removed, signed, amended, stopped, delegated, withdrawn
    answers     text not null, -- JSON: the answers of the question after it
    reason      text not null, -- why, where somebody has to say it; '' otherwise
    done_by     text not null,
    done_at     bigint not null,
    primary key (site_id, response_id, revision, ordinal)
);
create index form_change_path on form_change (site_id, response_id, path, revision);

-- A part of a form that somebody else answers by a link.
create table form_delegation (
    site_id       text not null,
    delegation_id text not null,
    secret        text not null, -- SHA-256 of what the link holds, hexadecimal
    response_id   text not null,
    link_id       text not null, -- the group they may answer, '' for all of it
    name          text not null, -- whom it was given to, as who gave it named them
    given_by      text not null,
    given_at      bigint not null,
    until         bigint not null,
    withdrawn_at  bigint not null default 0,
    primary key (site_id, delegation_id)
);
create unique index form_delegation_secret on form_delegation (secret);
create index form_delegation_response on form_delegation (site_id, response_id);

-- +goose Down
drop table form_delegation;
drop table form_change;
drop table form_response;
drop table form_version;
