-- +goose Up

-- Human: no rebuild touches what follows.

-- The acceptance test of the dose system, per machine: signed, never changed.
create table dose_acceptance (
    acceptance_id  text primary key,
    site_id        text not null,
    machine_id     text not null,
    result         text not null, -- accepted, limits, refused
    limits         text not null, -- the quantities that are off, between spaces
    note           text not null,
    software       text not null, -- of the machine on that day
    reader_version bigint not null, -- of this program
    program        text not null, -- its version
    signed_by      text not null, -- account
    signed_name    text not null, -- as it is printed
    signed_at      bigint not null,
    day            text not null -- the same, at the site
);
create index dose_acceptance_machine on dose_acceptance (site_id, machine_id, signed_at);

-- What was read at the console, and what the program had. No UID: a signed test outlives
-- the data of a person.
create table dose_reading (
    acceptance_id text not null,
    site_id       text not null,
    ordinal       bigint not null, -- of the examination in the test
    taken         text not null, -- day and time of the examination
    name          text not null, -- its protocol or procedure
    types         text not null, -- of its acquisitions
    quantity      text not null,
    unit          text not null,
    console       text not null, -- as typed
    own           text not null, -- '' if the program has none
    within        boolean not null, -- the difference is rounding
    explained     text not null,
    primary key (acceptance_id, ordinal, quantity)
);

-- +goose Down
drop table dose_reading;
drop table dose_acceptance;
