-- +goose Up

-- Derived: one object of each series, whose header says how big the patient is. A
-- rebuild makes it again, and with it the facts of source dicom.
create table person_header (
    site_id    text not null,
    series_uid text not null,
    study_uid  text not null,
    sop_uid    text not null,
    person     text not null, -- whom the header named when it was read
    ticket     text not null, -- '' if there is nothing to do; changes when there is more
    primary key (site_id, series_uid)
);
create index person_header_study on person_header (site_id, study_uid);
create index person_header_due on person_header (ticket) where ticket <> '';
create index person_fact_header on person_fact (site_id, origin) where source = 'dicom';

-- +goose Down
drop index person_fact_header;
drop table person_header;
