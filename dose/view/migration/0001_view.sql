-- +goose Up

-- Human: no rebuild touches what follows.

-- A table or chart as somebody comes back to it.
create table doseview_saved (
    view_id    text primary key,
    site_id    text not null,
    name       text not null,
    shows      text not null, -- levels, examinations, events, cases, charts
    filter     text not null, -- as it stands in an address, parameters in order
    fields     text not null, -- names of columns between spaces, '' for all
    shared     text not null, -- a role, everybody, '' for its owner alone
    owner      text not null, -- account
    created_at bigint not null,
    changed_at bigint not null
);
create index doseview_saved_shows on doseview_saved (site_id, shows);

-- The view that somebody begins with.
create table doseview_first (
    site_id text not null,
    account text not null,
    view_id text not null,
    primary key (site_id, account)
);

-- Copies of views in a folder.
create table doseview_copy (
    view_id    text primary key,
    site_id    text not null,
    every      text not null, -- hour, day, month
    format     text not null, -- csv, xlsx, parquet
    ordered_by text not null, -- account
    ordered_at bigint not null,
    period     text not null, -- of the last good copy: 2026-11, 2026-11-22, 2026-11-22-14; '' before the first
    file       text not null, -- its name
    bytes      bigint not null,
    copied_at  bigint not null,
    failed_at  bigint not null, -- 0 while the last one is good
    failure    text not null -- kind of fault
);

-- What went to registries. The rows themselves are not kept.
create table doseview_disclosure (
    disclosure_id text primary key,
    site_id       text not null,
    number        bigint not null, -- by which people call it
    registry      text not null,
    modality      text not null,
    from_day      text not null,
    to_day        text not null,
    layout        text not null,
    format        text not null,
    file          text not null, -- its name
    digest        text not null, -- SHA-256 of the file, in hex
    bytes         bigint not null,
    n             bigint not null, -- rows
    left_out      text not null, -- JSON: reason to number
    made_by       text not null,
    made_at       bigint not null,
    state         text not null, -- made, accepted, refused
    receipt       text not null, -- as somebody typed it
    receipt_name  text not null, -- of a file that was uploaded
    receipt_file  bytea not null,
    receipt_hash  text not null, -- SHA-256 in hex
    received_by   text not null,
    received_at   bigint not null
);
create unique index doseview_disclosure_number on doseview_disclosure (site_id, number);

-- Accounts of the database that may read the views for programs.
create table doseview_reader (
    account  text primary key,
    identity boolean not null, -- whose the examinations are, too
    added_at bigint not null
);

-- Derived: what the views for programs cannot have from other tables.

create table doseview_place (
    site_id    text not null,
    machine_id text not null,
    room_id    text not null,
    room       text not null,
    primary key (site_id, machine_id)
);
create table doseview_level (
    site_id    text not null,
    ordinal    bigint not null,
    set_id     text not null,
    edition    text not null,
    digest     text not null,
    country    text not null,
    official   boolean not null,
    checked    boolean not null,
    role       text not null,
    exam_code  text not null,
    indication text not null,
    size_group text not null,
    quantity   text not null,
    per        text not null,
    value      double precision not null,
    unit       text not null,
    phantom    text not null,
    statistic  text not null,
    min_n      bigint,
    valid_from text not null,
    valid_to   text not null,
    review_due text not null,
    source     text not null,
    primary key (site_id, ordinal)
);
create table doseview_derived (
    site_id text not null,
    what    text not null, -- place, level
    digest  text not null, -- of what it was made from
    primary key (site_id, what)
);

-- +goose Down
drop table doseview_derived;
drop table doseview_level;
drop table doseview_place;
drop table doseview_reader;
drop table doseview_disclosure;
drop table doseview_copy;
drop table doseview_first;
drop table doseview_saved;
