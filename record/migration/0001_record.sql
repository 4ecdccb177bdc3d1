-- +goose Up

-- A FHIR resource that no other room has. Human: what people and systems decided.
create table record_resource (
    resource_key text not null primary key, -- UUIDv7; what the journal calls it
    site_id      text not null,
    type         text not null, -- DiagnosticReport
    id           text not null, -- the logical id, which whoever made it may have chosen
    version      bigint not null, -- of the newest version
    updated_at   bigint not null,
    person       text not null -- whom the newest version is about; '' is nobody
);
create unique index record_resource_id on record_resource (site_id, type, id);
create index record_resource_person on record_resource (site_id, person) where person <> '';
create index record_resource_updated on record_resource (site_id, type, updated_at, resource_key);

-- What each version said.
create table record_version (
    resource_key text not null,
    version      bigint not null, -- from 1, without a gap
    site_id      text not null,
    resource     text not null, -- JSON, without meta.versionId and meta.lastUpdated
    updated_at   bigint not null,
    person       text not null, -- whom this version is about
    source       text not null, -- the way it came: fhir, hl7
    made_by      text not null, -- an account or system:NAME
    primary key (resource_key, version)
);
create index record_version_person on record_version (site_id, person) where person <> '';

-- What the newest version is found by: a row for each value of each search parameter.
create table record_index (
    resource_key text not null,
    site_id      text not null,
    type         text not null,
    param        text not null, -- code of the search parameter; CODE:identifier for the identifier of a reference
    term         text not null, -- code; text without case and accents; Type/id; address; at most 200 characters
    system       text not null, -- of a code; of a reference, the id alone
    first_us     bigint not null, -- of a date: microseconds since 1970, both ends
    last_us      bigint not null
);
create index record_index_term on record_index (site_id, type, param, term);
create index record_index_date on record_index (site_id, type, param, first_us);
create index record_index_resource on record_index (resource_key, param);

-- Whoever writes by a condition takes turns here, so that two do not both find nothing.
create table record_turn (
    site_id text not null,
    type    text not null,
    turns   bigint not null,
    primary key (site_id, type)
);

-- +goose Down
drop table record_turn;
drop table record_index;
drop table record_version;
drop table record_resource;
