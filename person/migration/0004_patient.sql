-- +goose Up

-- Derived: everybody somebody told of, as they are found by other systems. A rebuild
-- makes it again from facts and journal.
create table person_patient (
    site_id     text not null,
    person      text not null, -- the key
    resource_id text not null, -- what other systems call the person: a keyed hash
    issuer      text not null,
    identifier  text not null,
    name        text not null, -- as in DICOM
    name_folded text not null, -- its alphabetic group, without case and accents
    birth_date  text not null, -- 2006-01-02
    sex         text not null, -- M, F, O
    changed_ms  bigint not null,
    primary key (site_id, person)
);
create unique index person_patient_resource on person_patient (site_id, resource_id);
create index person_patient_identifier on person_patient (site_id, identifier);
create index person_patient_name on person_patient (site_id, name_folded, resource_id);
create index person_patient_birth on person_patient (site_id, birth_date, resource_id);
create index person_patient_changed on person_patient (site_id, changed_ms, resource_id);
create index person_fact_body on person_fact (site_id, at_ms, fact_id) where kind in ('height', 'weight', 'pregnancy');

-- +goose Down
drop index person_fact_body;
drop table person_patient;
