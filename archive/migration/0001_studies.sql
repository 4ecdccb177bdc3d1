-- +goose Up
-- Patients' attributes stand at the study, as received. Texts are '' when absent.
create table study (
	id text not null primary key,
	site_id text not null,
	study_uid text not null,

	patient_id text not null,
	issuer_of_patient_id text not null,
	patient_name text not null,
	patient_birth_date text not null, -- YYYYMMDD, as all dates
	patient_sex text not null,
	patient_differs boolean not null, -- instances of this study named more than one patient
	patient_name_folded text not null, -- alphabetic group, without case and accents
	patient_name_other text not null, -- ideographic and phonetic groups

	study_date text not null,
	study_time text not null, -- HHMMSS.FFFFFF, as far as given, as all times
	timezone_offset text not null,
	accession_number text not null,
	referring_physician_name text not null,
	study_id text not null,
	study_description text not null,
	referring_physician_folded text not null,
	study_description_folded text not null,

	modalities text not null, -- of its series, sorted, each between backslashes: \CT\SR\
	series_count bigint not null,
	instance_count bigint not null,
	size_bytes bigint not null,
	received_at bigint not null, -- the first instance
	updated_at bigint not null, -- the last one
	unique (site_id, study_uid)
);
create index study_by_date on study (site_id, study_date, study_time, id);
create index study_by_receipt on study (site_id, received_at, id);
create index study_by_patient on study (site_id, patient_id, issuer_of_patient_id);
create index study_by_name on study (site_id, patient_name_folded);
create index study_by_other_name on study (site_id, patient_name_other) where patient_name_other <> '';
create index study_by_accession on study (site_id, accession_number) where accession_number <> '';
create index study_by_referring on study (site_id, referring_physician_folded) where referring_physician_folded <> '';

create table series (
	id text not null primary key,
	site_id text not null,
	study text not null references study (id),
	series_uid text not null,

	modality text not null,
	series_description text not null,
	body_part_examined text not null,
	laterality text not null,
	series_date text not null,
	series_time text not null,
	performed_step_start_date text not null,
	performed_step_start_time text not null,
	performed_step_id text not null,
	performed_step_description text not null,
	scheduled_step_id text not null,
	requested_procedure_id text not null,
	protocol_name text not null,
	performing_physician_name text not null,
	institution_name text not null,
	department_name text not null,
	station_name text not null,
	manufacturer text not null,
	model_name text not null,
	device_serial_number text not null,
	software_versions text not null,
	series_number bigint,

	machine text not null, -- what the site knows it as; '' if nobody was asked
	instance_count bigint not null,
	size_bytes bigint not null,
	received_at bigint not null,
	updated_at bigint not null,
	unique (study, series_uid)
);
create index series_by_uid on series (site_id, series_uid);
create index series_by_modality on series (site_id, modality, study);
create index series_by_machine on series (machine) where machine <> '';
create index series_by_step on series (site_id, performed_step_start_date, id) where performed_step_start_date <> '';

create table instance (
	id text not null primary key,
	site_id text not null,
	series text not null references series (id),
	sop_uid text not null,
	sop_class text not null,

	content_date text not null,
	content_time text not null,
	instance_number bigint,
	acquisition_number bigint,
	number_of_frames bigint,
	pixel_rows bigint,
	pixel_columns bigint,
	bits_allocated bigint,

	transfer_syntax text not null, -- how the bytes really are encoded
	pack text not null,
	pack_offset bigint not null,
	length bigint not null, -- of the object, meta information included
	sha256 bytea not null, -- of the object, meta information included
	dataset_at bigint not null, -- where in the object the data set begins

	door text not null, -- by which way it came
	calling_ae text not null,
	received_at bigint not null,
	repeats bigint not null, -- how often the same was sent again
	unique (site_id, sop_uid)
);
create index instance_by_series on instance (series, instance_number, id);
create index instance_by_place on instance (pack, pack_offset);

-- Irradiation Event UIDs (0008,3010) that an instance names in its header.
create table instance_event (
	site_id text not null,
	event_uid text not null,
	instance text not null references instance (id),
	primary key (site_id, event_uid, instance)
);
create index instance_event_by_instance on instance_event (instance);

-- What is kept and not shown: other bytes under a UID that is taken.
create table quarantine (
	id text not null primary key,
	site_id text not null,
	reason text not null,
	instance text not null, -- the one that stays
	study_uid text not null,
	series_uid text not null,
	sop_uid text not null,
	sop_class text not null,
	transfer_syntax text not null,
	dataset_sha256 bytea not null, -- of the data set alone
	pack text not null,
	pack_offset bigint not null,
	length bigint not null,
	sha256 bytea not null,
	dataset_at bigint not null,
	door text not null,
	calling_ae text not null,
	received_at bigint not null,
	repeats bigint not null,
	unique (site_id, sop_uid, dataset_sha256)
);
create index quarantine_by_place on quarantine (pack, pack_offset);
create index quarantine_by_site on quarantine (site_id, id);

-- +goose Down
drop table quarantine;
drop table instance_event;
drop table instance;
drop table series;
drop table study;
