-- What people say: no rebuild touches these tables.

-- +goose Up
create table site (
    site_id  text primary key,
    name     text not null default '', -- '' until somebody says
    country  text not null default '', -- ISO 3166-1 alpha-2
    timezone text not null default 'UTC', -- IANA
    version  bigint not null default 1
);
insert into site (site_id) values ('default');

create table site_peer (
    site_id  text not null,
    ae_title text not null,
    host     text not null,
    port     bigint not null,
    primary key (site_id, ae_title)
);

-- A room of a machine that nobody named has no row here: its id and its proposed
-- name follow from the machine.
create table site_room (
    room_id text primary key,
    site_id text not null,
    name    text not null,
    area    text not null default '',
    changed_by text not null,
    changed_at bigint not null
);

create table site_machine_decision (
    machine_id text primary key,
    site_id    text not null,
    name       text not null default '', -- '' means the proposed one
    room_id    text not null default '', -- '' means its own
    into_id    text not null default '', -- the machine it really is; '' means itself
    changed_by text not null,
    changed_at bigint not null
);

-- What was learnt from objects: a rebuild makes it again, with the same ids.
create table site_machine_seen (
    machine_id text primary key,
    site_id    text not null,
    brand      text not null,
    serial     text not null,
    device_uid text not null,
    weak       boolean not null -- without serial number and device UID
);
create index site_machine_seen_serial on site_machine_seen (site_id, serial, brand);

create table site_machine_trait (
    machine_id text not null,
    kind       text not null, -- manufacturer, model, station, ae_title, software, modality
    value      text not null,
    first_day  text not null, -- local date of the object, 2006-01-02
    last_day   text not null,
    primary key (machine_id, kind, value)
);

-- +goose Down
drop table site_machine_trait;
drop table site_machine_seen;
drop table site_machine_decision;
drop table site_room;
drop table site_peer;
drop table site;
