-- +goose Up
-- Human: what is to be passed on to whom.
create table exchange_rule (
	id text not null primary key,
	site_id text not null,
	name text not null,
	active boolean not null,
	peer text not null, -- AE title
	calling_ae text not null, -- '' : from anybody; several between commas
	modality text not null, -- '' : any; several between commas
	body_part text not null, -- '' : any; several between commas
	description text not null, -- folded; '' : any; a part of the series or study description
	part text not null, -- all, reports: structured reports alone
	from_minute bigint not null, -- of the day in the site's zone; equal: all day
	until_minute bigint not null,
	rest_ms bigint not null, -- how long a study must have been quiet
	decided_by text not null,
	decided_ms bigint not null
);
create index exchange_rule_by_site on exchange_rule (site_id, name, id);

-- Studies that something arrived of, until the rules were asked about them.
create table exchange_pending (
	site_id text not null,
	study_uid text not null,
	changed_ms bigint not null,
	primary key (site_id, study_uid)
);
create index exchange_pending_by_time on exchange_pending (changed_ms);

-- A transfer of a study, or of one of its series, to a peer. It is done when all that
-- is kept was taken; what arrives later makes it wait again.
create table exchange_transfer (
	id text not null primary key,
	site_id text not null,
	peer text not null,
	study_uid text not null,
	series_uid text not null, -- '' : all that part says
	part text not null,
	rule text not null, -- id; '' : a person asked
	asked_by text not null,
	state text not null, -- waiting, sending, done, failed, cancelled
	reason text not null, -- a word for why it waits or failed
	detail text not null, -- what the peer or the network said
	attempts bigint not null,
	total bigint not null,
	sent bigint not null,
	refused bigint not null,
	added_ms bigint not null,
	updated_ms bigint not null,
	done_ms bigint not null,
	ticket text not null, -- changes whenever there is more to do
	unique (site_id, peer, study_uid, series_uid, part)
);
create index exchange_transfer_by_time on exchange_transfer (site_id, updated_ms, id);
create index exchange_transfer_open on exchange_transfer (site_id, peer) where state in ('waiting', 'sending');

-- What a peer has taken, so that a transfer goes on where it broke off.
create table exchange_sent (
	site_id text not null,
	peer text not null,
	study_uid text not null,
	sop_uid text not null,
	status bigint not null, -- as it answered
	at_ms bigint not null,
	primary key (site_id, peer, study_uid, sop_uid)
);

-- +goose Down
drop table exchange_sent;
drop table exchange_transfer;
drop table exchange_pending;
drop table exchange_rule;
