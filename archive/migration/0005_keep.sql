-- +goose Up
-- What was deleted with a reason. Until it is due it may come back; then its bytes are
-- taken out of the packs, and the proof stands with those of erasures.
create table trash (
	id text not null primary key,
	site_id text not null,
	level text not null, -- study, series or instance
	study_uid text not null,
	series_uid text not null, -- '' for a study
	sop_uid text not null, -- '' unless an instance
	cause text not null, -- person, retention, reduction
	reason text not null, -- as typed
	actor text not null,
	at_ms bigint not null,
	due_ms bigint not null,
	objects bigint not null,
	size_bytes bigint not null,
	state text not null -- waiting, undone, removed
);
create index trash_by_site on trash (site_id, id);
create index trash_due on trash (due_ms) where state = 'waiting';

create table trash_object (
	trash text not null references trash (id),
	site_id text not null,
	study_uid text not null,
	sop_uid text not null,
	person text not null, -- whom it is about; '' if nobody
	pack text not null,
	pack_offset bigint not null,
	length bigint not null,
	sha256 bytea not null,
	dataset_at bigint not null,
	transfer_syntax text not null,
	door text not null,
	calling_ae text not null,
	received_at bigint not null,
	primary key (pack, pack_offset)
);
create index trash_object_of on trash_object (trash, sop_uid);
create index trash_object_by_person on trash_object (site_id, person);

-- '' for the erasure of a person, else the trash whose bytes these were.
alter table erasure add column trash text not null default '';

-- Studies and persons that nobody may delete until somebody lifts it.
create table hold (
	id text not null primary key,
	site_id text not null,
	study_uid text not null, -- '' if the person is held
	person text not null, -- '' if the study is
	reason text not null,
	actor text not null,
	at_ms bigint not null,
	lifted_ms bigint not null default 0,
	lifted_by text not null default '',
	lifted_why text not null default ''
);
create index hold_by_study on hold (site_id, study_uid) where lifted_ms = 0;
create index hold_by_person on hold (site_id, person) where lifted_ms = 0;

-- Instances of which the pixels were dropped: what was received, and why it is no
-- longer all there.
create table reduced (
	instance text not null primary key,
	site_id text not null,
	sop_uid text not null,
	sha256 bytea not null, -- of the object as received
	dataset_sha256 bytea not null, -- of its data set alone
	length bigint not null, -- of the object as received
	policy text not null,
	at_ms bigint not null
);
create index reduced_by_sop on reduced (site_id, sop_uid);

-- What is known of each pack beside what stands in it.
create table pack_state (
	pack text not null primary key,
	site_id text not null, -- '' : all sites
	size_bytes bigint not null,
	sealed boolean not null,
	seen_ms bigint not null, -- when it was first seen here
	objects bigint not null default 0, -- read in the last pass
	read_ms bigint not null default 0, -- when it was last read to its end
	read_to bigint not null default 0, -- how far this pass has come; 0 between passes
	damaged bigint not null default 0, -- found in the last pass and not mended
	copied_ms bigint not null default 0, -- when its copy in the second place was verified
	copied_bytes bigint not null default 0,
	superseded_ms bigint not null default 0 -- when its objects began to move elsewhere
);
create index pack_unread on pack_state (read_ms, pack);

-- Objects that were no longer what they were, and what became of it.
create table damage (
	id text not null primary key,
	site_id text not null,
	sop_uid text not null,
	kind text not null, -- damaged, missing
	pack text not null,
	pack_offset bigint not null,
	length bigint not null,
	sha256 bytea not null,
	found_ms bigint not null,
	mended_ms bigint not null default 0,
	unique (sha256, pack, pack_offset)
);
create index damage_open on damage (found_ms) where mended_ms = 0;

create index series_by_receipt on series (received_at);

-- +goose Down
drop index series_by_receipt;
drop table damage;
drop table pack_state;
drop table reduced;
drop table hold;
alter table erasure drop column trash;
drop table trash_object;
drop table trash;
