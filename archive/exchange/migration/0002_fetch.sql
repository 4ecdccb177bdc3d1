-- +goose Up
-- A study on its way from a peer to here. It is done when every instance that the peer
-- lists is kept here.
create table exchange_fetch (
	id text not null primary key,
	site_id text not null,
	peer text not null, -- AE title
	study_uid text not null,
	part text not null, -- all, reports, doses: reports, else one header for each event
	source text not null, -- id of a migration or a dose rule; '' : a person asked
	asked_by text not null,
	state text not null, -- waiting, fetching, done, failed, cancelled
	reason text not null, -- a word for why it waits or failed
	detail text not null, -- what the peer or the network said
	way text not null, -- get, move; '' : nothing had to be fetched
	attempts bigint not null,
	there bigint not null, -- instances the peer lists, of the part
	here bigint not null, -- of those, kept here
	extra bigint not null, -- kept here of the study, and not listed by the peer
	added_ms bigint not null,
	updated_ms bigint not null,
	done_ms bigint not null,
	ticket text not null, -- changes whenever somebody decides
	unique (site_id, peer, study_uid, part)
);
create index exchange_fetch_by_time on exchange_fetch (site_id, updated_ms, id);
create index exchange_fetch_by_source on exchange_fetch (source) where source <> '';

-- Human: taking over what another archive has, day by day, the latest first.
create table exchange_migration (
	id text not null primary key,
	site_id text not null,
	peer text not null,
	state text not null, -- running, paused, done, cancelled
	reason text not null, -- why it does not get on
	detail text not null,
	first_day text not null, -- YYYYMMDD
	last_day text not null,
	next_day text not null, -- that is asked about next; earlier than first_day: all were
	from_minute bigint not null, -- of the day in the site's zone; equal: all day
	until_minute bigint not null,
	at_once bigint not null, -- studies under way at once, each one association at a time
	an_hour bigint not null, -- studies begun in an hour
	begun_by text not null,
	added_ms bigint not null,
	updated_ms bigint not null,
	done_ms bigint not null
);
create index exchange_migration_by_time on exchange_migration (site_id, added_ms, id);

-- What a peer had of each day when it was asked.
create table exchange_migration_day (
	migration text not null,
	day text not null,
	studies bigint not null,
	instances bigint not null, -- as far as the peer counts them
	asked_ms bigint not null,
	primary key (migration, day)
);

-- Each study of a migration and what became of it.
create table exchange_migration_study (
	migration text not null,
	study_uid text not null,
	site_id text not null,
	day text not null,
	state text not null, -- found, begun, verified, differs, only_here
	reason text not null,
	detail text not null,
	counted bigint not null, -- instances by the peer's own count; -1: it gives none
	there bigint not null, -- instances the peer lists
	here bigint not null,
	extra bigint not null,
	begun_ms bigint not null,
	updated_ms bigint not null,
	primary key (migration, study_uid)
);
create index exchange_migration_study_next on exchange_migration_study (migration, state, day, study_uid);
create index exchange_migration_study_begun on exchange_migration_study (migration, begun_ms);
create index exchange_migration_study_by_study on exchange_migration_study (site_id, study_uid);

-- Human: what is asked of a peer each night for its doses alone.
create table exchange_dose_rule (
	id text not null primary key,
	site_id text not null,
	name text not null,
	active boolean not null,
	peer text not null,
	modality text not null, -- several between commas
	minute bigint not null, -- of the day in the site's zone
	asked_day text not null, -- the last day that was asked about, YYYYMMDD
	studies bigint not null, -- found on that day
	reason text not null,
	detail text not null,
	decided_by text not null,
	decided_ms bigint not null
);
create index exchange_dose_rule_by_site on exchange_dose_rule (site_id, name, id);

-- +goose Down
drop table exchange_dose_rule;
drop table exchange_migration_study;
drop table exchange_migration_day;
drop table exchange_migration;
drop table exchange_fetch;
