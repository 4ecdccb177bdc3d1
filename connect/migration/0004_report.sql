-- +goose Up

-- Reports of other systems: which order and study they are about, and how they stand.
-- What they say is kept by record, as DiagnosticReport, with its versions.
create table connect_report (
    report_id  text not null primary key, -- that of the DiagnosticReport
    site_id    text not null,
    channel_id text not null, -- who tells of it
    number     text not null, -- by which the sender knows it: kind and number
    person     text not null,
    order_id   text not null, -- of the worklist; '' while none is known
    study_uid  text not null, -- '' if nobody said
    placer     text not null,
    filler     text not null,
    accession  text not null,
    title      text not null,
    status     text not null, -- of FHIR: preliminary, final, corrected …
    told_at    bigint not null, -- the newest that had an effect
    message_id text not null, -- that told it
    document   text not null, -- JSON: all that it says but its files
    updated_at bigint not null
);
create unique index connect_report_number on connect_report (site_id, channel_id, number);
create index connect_report_person on connect_report (site_id, person);
create index connect_report_order on connect_report (site_id, order_id) where order_id <> '';
create index connect_report_study on connect_report (site_id, study_uid) where study_uid <> '';
create index connect_report_accession on connect_report (site_id, accession) where accession <> '';
create index connect_report_placer on connect_report (site_id, placer) where placer <> '';
create index connect_report_filler on connect_report (site_id, filler) where filler <> '';

-- The documents of a report, as they came last.
create table connect_report_file (
    report_id text not null,
    number    bigint not null, -- from 1
    site_id   text not null,
    type      text not null, -- application/pdf
    title     text not null,
    body      bytea not null,
    primary key (report_id, number)
);

-- +goose Down
drop table connect_report_file;
drop table connect_report;
