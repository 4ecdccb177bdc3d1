-- +goose Up
-- Instances that were rejected: by a note that came (PS3.3 A.35.4, IHE RAD-66), or that
-- somebody wrote here.
create table rejection (
	id text not null primary key,
	site_id text not null,
	study_uid text not null,
	person text not null, -- whom the study is about; '' if nobody
	title text not null, -- code of the document title
	note text not null, -- SOP Instance UID of the note
	reason text not null, -- as the note says it
	actor text not null,
	at_ms bigint not null,
	objects bigint not null, -- that the note names
	hides boolean not null,
	again boolean not null, -- what comes again is taken as new
	undone_ms bigint not null default 0, -- 0 while it holds
	undone_by text not null default '',
	undone_why text not null default '',
	unique (site_id, note)
);
create index rejection_by_study on rejection (site_id, study_uid);
create index rejection_by_time on rejection (site_id, id);
create index rejection_by_person on rejection (site_id, person) where person <> '';

create table rejection_object (
	rejection text not null references rejection (id),
	site_id text not null,
	sop_uid text not null,
	primary key (rejection, sop_uid)
);
create index rejection_object_by_sop on rejection_object (site_id, sop_uid);

-- What was taken out of the index for it, to be brought back.
create table rejection_trash (
	rejection text not null references rejection (id),
	site_id text not null,
	trash text not null,
	primary key (rejection, trash)
);

-- Notes that are yet to be read.
create table rejection_due (
	site_id text not null,
	sop_uid text not null,
	primary key (site_id, sop_uid)
);

-- +goose Down
drop table rejection_due;
drop table rejection_trash;
drop table rejection_object;
drop table rejection;
