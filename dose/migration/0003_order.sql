-- +goose Up

-- What the order says of an examination, and by which size it is compared.
alter table dose_examination add column order_id text not null default '';
alter table dose_examination add column accession text not null default ''; -- of that order
alter table dose_examination add column exam_from text not null default ''; -- order, procedure, protocol: whose name told the examination
alter table dose_examination add column exam_name text not null default ''; -- that name
alter table dose_examination add column reason text not null default ''; -- what of the order told the indication
alter table dose_examination add column weight_source text not null default ''; -- of the weight that is used: hl7, fhir, csv, dicom, person
alter table dose_examination add column weight_origin text not null default ''; -- of that source
alter table dose_examination add column weight_at bigint; -- when it was measured
alter table dose_examination add column sizes text not null default '[]'; -- JSON: every height and weight that was considered

-- Which orders a study was derived with, and which accession numbers its reports carry.
create table dose_order (
    site_id   text not null,
    study_uid text not null,
    order_id  text not null, -- '' for a number that no order has
    accession text not null,
    primary key (site_id, study_uid, order_id, accession)
);
create index dose_order_order on dose_order (site_id, order_id);
create index dose_order_accession on dose_order (site_id, accession);

-- Orders and sizes may be known: every study is derived anew.
insert into dose_pending (site_id, study_uid, ticket) select site_id, study_uid, '0' from dose_study where true
	on conflict (site_id, study_uid) do nothing;

-- +goose Down
drop table dose_order;
alter table dose_examination drop column sizes;
alter table dose_examination drop column weight_at;
alter table dose_examination drop column weight_origin;
alter table dose_examination drop column weight_source;
alter table dose_examination drop column reason;
alter table dose_examination drop column exam_name;
alter table dose_examination drop column exam_from;
alter table dose_examination drop column accession;
alter table dose_examination drop column order_id;
