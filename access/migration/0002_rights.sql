-- +goose Up
alter table access_user add column login text not null default '';
alter table access_user add column mail text not null default '';
alter table access_user add column language text not null default '';
alter table access_user add column patient text not null default ''; -- whom a patient's account belongs to
create unique index access_user_login on access_user (login) where login <> '';

create table access_grant (
    user_id text not null,
    role    text not null,
    site_id text not null, -- '' means every site
    primary key (user_id, role, site_id)
);

-- who has to do with which patient or study, beside their role
create table access_relation (
    relation_id text primary key,
    site_id     text not null,
    user_id     text not null,
    kind        text not null, -- referred, granted, glass
    person      text not null, -- '' if it is about one study
    study       text not null, -- '' if it is about all of the person's
    reason      text not null,
    made_by     text not null,
    made_at     bigint not null,
    until       bigint not null, -- 0 means no end
    ended_at    bigint not null default 0,
    reviewed_by text not null default '',
    reviewed_at bigint not null default 0,
    review      text not null default ''
);
create index access_relation_user on access_relation (user_id, site_id, person);
create index access_relation_person on access_relation (site_id, person);
create index access_relation_study on access_relation (site_id, study) where study <> '';
create index access_relation_glass on access_relation (made_at) where kind = 'glass';

-- what a person asked for about the use of their data
create table access_wish (
    site_id text not null,
    person  text not null,
    wish    text not null, -- restricted, no_secondary
    since   bigint not null,
    until   bigint not null default 0, -- 0 means it holds
    reason  text not null,
    made_by text not null,
    primary key (site_id, person, wish, since)
);
create index access_wish_holds on access_wish (site_id, person) where until = 0;

-- +goose Down
drop table access_wish;
drop table access_relation;
drop table access_grant;
