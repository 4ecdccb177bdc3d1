-- +goose Up

-- Derived: identifiers that objects came with. A rebuild makes it again from the journal.
create table person_seen (
    site_id    text not null,
    person     text not null, -- as the journal and the other rooms name it
    kind       text not null, -- patient_id
    issuer     text not null,
    identifier text not null,
    first_ms   bigint not null,
    last_ms    bigint not null,
    studies    bigint not null, -- that named it first in an object
    primary key (site_id, person)
);
create index person_seen_identifier on person_seen (site_id, identifier);
create index person_seen_anywhere on person_seen (identifier, issuer) where issuer <> '';

-- Human: no rebuild touches this table.
create table person_link (
    link_id  text primary key,
    site_id  text not null,
    kind     text not null, -- link, merge, distinct
    a        text not null, -- of a merge, the one that is given up
    b        text not null, -- of a merge, the one that stays
    reason   text not null,
    made_by  text not null,
    made_at  bigint not null,
    ended_by text not null default '',
    ended_at bigint not null default 0, -- 0 while it holds
    end_reason text not null default ''
);
create index person_link_a on person_link (site_id, a);
create index person_link_b on person_link (site_id, b);

-- +goose Down
drop table person_link;
drop table person_seen;
