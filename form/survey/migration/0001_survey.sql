-- +goose Up

-- Human: no rebuild touches these tables.

create table survey (
    site_id   text not null,
    survey_id text not null,
    state     text not null, -- draft, open, closed, cleared
    mode      text not null, -- named, token, anonymous
    plan      text not null, -- JSON: Plan
    url       text not null, -- of the form
    version   text not null,
    secret    text not null default '', -- of the address that everybody may use, SHA-256, hexadecimal; '' for none
    result    text not null default '', -- of the address that shows the results of all, SHA-256, hexadecimal
    made_by   text not null,
    made_at   bigint not null,
    opened_at bigint not null default 0,
    closed_at bigint not null default 0,
    opened    bigint not null default 0, -- pages of the address that everybody may use
    revision  bigint not null,
    primary key (site_id, survey_id)
);
create index survey_secret on survey (secret) where secret <> '';
create index survey_made on survey (site_id, made_at);

-- Who is invited. slot is random, so that no order of these rows is that of the answers.
create table survey_invite (
    slot      integer primary key,
    site_id   text not null,
    survey_id text not null,
    secret    text not null, -- SHA-256 of what the address holds, hexadecimal
    name      text not null,
    address   text not null, -- of mail
    language  text not null,
    stratum   text not null, -- such as a country
    opened    integer not null default 0, -- 1: looked at
    spent     integer not null default 0, -- 1: an answer was begun
    answer    text not null default '',   -- of a survey that is not anonymous: which one; cut at closing unless it is named
    reminded  integer not null default 0  -- how often
);
create unique index survey_invite_secret on survey_invite (secret);
create index survey_invite_survey on survey_invite (site_id, survey_id, stratum);

-- What was answered. Nothing here says of whom: no key of an invitation, no moment finer
-- than a day, no address and no browser.
create table survey_answer (
    slot      integer primary key,
    site_id   text not null,
    survey_id text not null,
    answer    text not null, -- SHA-256 of what the address holds, hexadecimal
    state     text not null, -- begun, complete, full
    usable    integer not null default 0,
    language  text not null,
    stratum   text not null, -- of the invitation, where the group has enough members
    day       text not null, -- of the last change
    revision  bigint not null,
    answered  bigint not null default 0,
    asked     bigint not null default 0,
    resource  text not null -- QuestionnaireResponse, JSON
);
create unique index survey_answer_answer on survey_answer (answer);
create index survey_answer_survey on survey_answer (site_id, survey_id, state);

-- Free text is read before it is shown.
create table survey_text (
    slot      integer primary key,
    site_id   text not null,
    survey_id text not null,
    link_id   text not null,
    words     text not null, -- as they were typed
    state     text not null, -- waits, shown, withheld
    shown     text not null default '', -- as they are shown
    by        text not null default ''
);
create index survey_text_survey on survey_text (site_id, survey_id, link_id);

-- Results as they were told last: they are told anew only when enough answers have come
-- that no difference says what one person answered.
create table survey_result (
    site_id   text not null,
    survey_id text not null,
    complete  bigint not null,
    day       text not null,
    results   text not null, -- JSON
    primary key (site_id, survey_id)
);

-- How many complete answers of a group were taken.
create table survey_quota (
    site_id   text not null,
    survey_id text not null,
    link_id   text not null, -- '' for all answers
    choice    integer not null,
    taken     bigint not null,
    primary key (site_id, survey_id, link_id, choice)
);

-- +goose Down
drop table survey_quota;
drop table survey_result;
drop table survey_text;
drop table survey_answer;
drop table survey_invite;
drop table survey;
