-- +goose Up
create table backup_run (
	id text not null primary key, -- UUIDv7
	site_id text not null, -- '' stands for the installation as a whole
	kind text not null, -- run, verify
	backup text not null, -- id of the manifest; '' if there is none
	snapshot_ms bigint not null, -- as of when; 0 if it did not come that far
	started_ms bigint not null,
	ended_ms bigint not null,
	good boolean not null,
	error text not null, -- '' if good; no personal data
	bytes bigint not null, -- of the whole backup in the repository
	added bigint not null, -- of them written by this run
	proved text not null -- JSON: what was compared
);
create index backup_run_latest on backup_run (kind, good, ended_ms);

create table backup_erasure (
	id text not null primary key, -- UUIDv7
	site_id text not null,
	at_ms bigint not null,
	kind text not null, -- person, instance: a word of who erased
	mark bytea not null -- HMAC-SHA256 of kind, site and id under the key of the backups
);
create index backup_erasure_at on backup_erasure (at_ms);

-- +goose Down
drop table backup_erasure;
drop table backup_run;
