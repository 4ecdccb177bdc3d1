-- +goose Up

-- What other systems and people say of a person. No rebuild touches this table.
create table person_fact (
    fact_id  text primary key,
    site_id  text not null,
    person   text not null, -- the key the fact came under
    kind     text not null, -- name, birth_date, sex, deceased, height, weight, pregnancy
    value    text not null, -- in one form; empty: withdrawn
    received text not null, -- as it came, with its unit
    at_ms    bigint not null, -- when it was so
    last_ms  bigint not null, -- when the same was said last, of what lasts; otherwise at_ms
    noted_ms bigint not null,
    source   text not null, -- hl7, fhir, csv, dicom, person
    origin   text not null, -- of that source: a channel, a peer, an account
    doubt    text not null default '' -- why it is not used
);
create unique index person_fact_once on person_fact (site_id, person, kind, at_ms, source, origin, value, received);

-- +goose Down
drop table person_fact;
