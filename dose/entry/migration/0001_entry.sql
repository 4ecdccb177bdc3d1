-- +goose Up

-- Human: no rebuild touches what follows, save that the rows of a kept file are read
-- again.

create table dose_entry (
    entry_id    text primary key,
    site_id     text not null,
    class       text not null, -- manual, imported
    batch_id    text not null, -- '' if it was typed in
    line        bigint not null, -- of the file, from 1; 0 if it was typed in
    version     bigint not null, -- from 1; above if somebody corrected it
    state       text not null, -- stands, withdrawn
    study_uid   text not null,
    made        boolean not null, -- that UID was made for the entry
    day         text not null,
    machine_id  text not null,
    accession   text not null,
    person      text not null, -- as the archive names whom it is about, '' for nobody
    fingerprint text not null, -- the same for the same examination
    body        text not null, -- JSON
    done_by     text not null,
    done_at     bigint not null
);
create index dose_entry_study on dose_entry (site_id, study_uid);
create index dose_entry_day on dose_entry (site_id, day, machine_id);
create index dose_entry_accession on dose_entry (site_id, accession);
create index dose_entry_person on dose_entry (site_id, person);
create index dose_entry_batch_line on dose_entry (site_id, batch_id, line);
create index dose_entry_fingerprint on dose_entry (site_id, fingerprint);

-- What was done about an entry.
create table dose_entry_step (
    step_id  text primary key,
    site_id  text not null,
    entry_id text not null,
    version  bigint not null,
    kind     text not null, -- entered, corrected, withdrawn, read_again
    reason   text not null,
    body     text not null, -- JSON, as it was from then on
    done_by  text not null,
    done_at  bigint not null
);
create index dose_entry_step_entry on dose_entry_step (site_id, entry_id);

-- Files that were imported, whole.
create table dose_entry_batch (
    batch_id  text primary key,
    site_id   text not null,
    class     text not null,
    product   text not null, -- what wrote the file, '' for a table made by hand
    release   text not null, -- version of that
    format    text not null, -- csv, xlsx
    layout    text not null, -- JSON: which column is what, which name is which machine
    digest    text not null, -- SHA-256 of the file as it came, hexadecimal
    content   bytea not null, -- the file; without the rows of persons that were erased
    told      text not null, -- JSON: what the file tells, by room and year, and the rows not taken
    taken     bigint not null,
    done_by   text not null,
    done_at   bigint not null,
    undone_by text not null,
    undone_at bigint not null, -- 0 while it stands
    signed_by text not null,
    signed_at bigint not null, -- 0 while it is not reconciled
    signed    text not null -- JSON: what was signed
);
create index dose_entry_batch_site on dose_entry_batch (site_id, done_at);
create index dose_entry_batch_digest on dose_entry_batch (site_id, digest);

-- Which column is what in the tables of a room.
create table dose_entry_map (
    site_id text not null,
    room_id text not null,
    columns text not null, -- JSON
    done_by text not null,
    done_at bigint not null,
    primary key (site_id, room_id)
);

-- +goose Down
drop table dose_entry_map;
drop table dose_entry_batch;
drop table dose_entry_step;
drop table dose_entry;
