-- +goose Up

-- What the program found. Derived, but never deleted: what no longer derives is
-- withdrawn.
create table finding_derived (
    finding_id  text primary key, -- made from rule, set and subject
    site_id     text not null,
    rule        text not null,
    part        text not null, -- which part of the rule's findings is derived together
    subject     text not null, -- JSON: what it is about
    room_id     text not null,
    state       text not null, -- code of the comparison
    importance  double precision not null, -- the larger the sooner
    n           bigint not null,
    value       double precision not null,
    unit        text not null,
    low         double precision,
    high        double precision,
    reference   double precision,
    reference_unit text not null,
    set_id      text not null,
    edition     text not null,
    digest      text not null,
    source      text not null,
    data        text not null, -- JSON: what else explains it
    first_at    bigint not null,
    computed_at bigint not null,
    withdrawn_at bigint not null default 0 -- 0 while it derives
);
create index finding_derived_scope on finding_derived (site_id, rule, part);

-- What people decided. No rebuild touches these tables.
create table finding_human (
    finding_id text primary key,
    site_id    text not null,
    owner      text not null,
    state      text not null, -- open, in_work, measured_again, closed
    due        text not null, -- 2006-01-02
    version    bigint not null
);

create table finding_note (
    note_id    text primary key,
    finding_id text not null,
    at         bigint not null,
    actor      text not null,
    owner      text not null, -- as they were after it
    state      text not null,
    due        text not null,
    note       text not null
);
create index finding_note_finding on finding_note (finding_id);

create table finding_action (
    action_id  text primary key,
    finding_id text not null,
    site_id    text not null,
    kind       text not null, -- code, such as protocol_change
    text       text not null,
    owner      text not null,
    due        text not null, -- 2006-01-02
    done       text not null, -- 2006-01-02; '' while it is not
    result     text not null,
    version    bigint not null
);
create index finding_action_finding on finding_action (finding_id);

-- +goose Down
drop table finding_action;
drop table finding_note;
drop table finding_human;
drop table finding_derived;
