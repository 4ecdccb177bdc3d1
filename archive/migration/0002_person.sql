-- +goose Up
-- Whom a study is about, as the journal and the other rooms name the person: issuer, |,
-- patient ID; '' if nobody is named. Those of more than 256 bytes are filled in by the program.
alter table study add column person text not null default '';
update study set person = issuer_of_patient_id || '|' || patient_id
	where patient_id <> '' and length(issuer_of_patient_id) + length(patient_id) < 60;
create index study_by_person on study (site_id, person, study_date, study_time, id) where person <> '';
create index study_nameless on study (id) where person = '' and patient_id <> '';
create index study_by_birth on study (site_id, patient_birth_date, person) where patient_birth_date <> '';

-- Every person whom instances of a study name. More than one only where they differ.
create table study_person (
	site_id text not null,
	person text not null,
	study text not null references study (id),
	primary key (study, person)
);
insert into study_person (site_id, person, study) select site_id, person, id from study where person <> '';
create index study_person_by_person on study_person (site_id, person);

-- Whom an object in quarantine is about; null until somebody has looked.
alter table quarantine add column person text;
create index quarantine_by_person on quarantine (site_id, person);

-- Persons who were erased, without a word of who they were.
create table erasure (
	id text not null primary key,
	site_id text not null,
	at_ms bigint not null,
	actor text not null,
	studies bigint not null,
	objects bigint not null,
	size_bytes bigint not null
);
create index erasure_by_site on erasure (site_id, id);

-- What is to be taken out of the packs, and later the proof that it was.
create table erasure_object (
	erasure text not null references erasure (id),
	site_id text not null,
	sop_uid text not null,
	sha256 bytea not null,
	pack text not null,
	pack_offset bigint not null,
	length bigint not null,
	removed_ms bigint not null default 0, -- 0 until the bytes are gone
	primary key (pack, pack_offset, erasure)
);
create index erasure_object_due on erasure_object (erasure) where removed_ms = 0;
create index erasure_object_of on erasure_object (erasure, sop_uid);

-- +goose Down
drop table erasure_object;
drop table erasure;
drop index quarantine_by_person;
alter table quarantine drop column person;
drop table study_person;
drop index study_by_birth;
drop index study_nameless;
drop index study_by_person;
alter table study drop column person;
