-- +goose Up

-- What the doses of a study are taken from: dose reports, headers of images, and
-- what people and other systems say.
create table dose_source (
    site_id      text not null,
    source_id    text not null, -- SOP Instance UID, or the id of what is no DICOM object
    study_uid    text not null,
    class        text not null, -- report, image, mpps, ocr, manual, imported
    series_uid   text not null, -- of an image
    acquisition  text not null, -- number within the series, of a CT image
    kind         text not null, -- ct, projection, mammography, nuclear; '' if it could not be read
    problem      text not null, -- why it could not be read; '' if it was
    counted      boolean not null, -- whether its events count, or another source has them all
    machine_id   text not null,
    received_at  bigint not null,
    primary key (site_id, source_id)
);
create index dose_source_study on dose_source (site_id, study_uid, source_id);
create index dose_source_received on dose_source (site_id, received_at);

insert into dose_source (site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)
    select site_id, sop_instance_uid, study_uid, 'report', '', '', kind, problem, counted, machine_id, received_at from dose_report;
drop table dose_report;

-- Studies that images arrived for whose headers tell of irradiation.
create table dose_image (
    site_id   text not null,
    study_uid text not null,
    last_at   bigint not null, -- when the last of them arrived
    waiting   boolean not null, -- more may come
    settled   boolean not null, -- their headers count
    primary key (site_id, study_uid)
);
create index dose_image_waiting on dose_image (last_at) where waiting;

-- Totals of a study as its reports declare them and as its events add up, exact.
create table dose_total (
    site_id   text not null,
    study_uid text not null,
    quantity  text not null, -- the field, which ends in its unit
    part      text not null, -- plane A, B or single, side left, right or both; '' for the whole
    total     text, -- what counts: declared, or else added up
    declared  text,
    summed    text,
    primary key (site_id, study_uid, quantity, part)
);

-- Amounts of an examination: what medians and levels are about. What stands in the
-- row of the examination too is there so that a median reads one index.
create table dose_amount (
    site_id     text not null,
    study_uid   text not null,
    examination text not null,
    quantity    text not null, -- see the quantities of dose/amount.go
    value       double precision not null,
    unit        text not null, -- UCUM, one for each quantity
    declared    double precision, -- as the reports state it, if they state it of this examination
    summed      double precision, -- over its events, if all of them tell it
    n_events    bigint not null, -- that told it
    class       text not null, -- of the lowest rank among what told it: report, image, mpps, ocr, manual, imported
    method      text not null, -- summed, declared, highest, mean, counted, divided; of a value by hand how it was read
    basis       text not null, -- reported, corrected
    exam_code   text not null,
    machine_id  text not null,
    day         text not null,
    excluded    text not null,
    primary key (site_id, study_uid, examination, quantity)
);
create index dose_amount_median on dose_amount (site_id, exam_code, quantity, day, machine_id, value) where excluded = '';

-- Amounts of an event, where levels are stated for a view or a projection. DLP and
-- CTDIvol of CT stand in dose_event.
create table dose_event_amount (
    site_id     text not null,
    study_uid   text not null,
    ordinal     bigint not null,
    quantity    text not null,
    examination text not null, -- '' if the event is unassigned
    value       double precision not null,
    unit        text not null,
    part        text not null, -- plane or side, '' if it has none
    class       text not null,
    basis       text not null,
    primary key (site_id, study_uid, ordinal, quantity)
);

-- Every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop table dose_event_amount;
drop table dose_amount;
drop table dose_total;
drop table dose_image;
create table dose_report (
    site_id          text not null,
    sop_instance_uid text not null,
    study_uid        text not null,
    kind             text not null,
    problem          text not null,
    counted          boolean not null,
    machine_id       text not null,
    received_at      bigint not null,
    primary key (site_id, sop_instance_uid)
);
create index dose_report_study on dose_report (site_id, study_uid);
create index dose_report_received on dose_report (site_id, received_at);
insert into dose_report (site_id, sop_instance_uid, study_uid, kind, problem, counted, machine_id, received_at)
    select site_id, source_id, study_uid, kind, problem, counted, machine_id, received_at from dose_source where class = 'report';
drop table dose_source;
