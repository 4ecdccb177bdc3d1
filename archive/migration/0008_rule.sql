-- +goose Up
-- What is kept of what a peer sends. Without a row, everything.
create table keep_rule (
	site_id text not null,
	calling_ae text not null,
	keep text not null, -- header: pixels are dropped when the time has passed
	after_ms bigint not null, -- how long after its coming
	actor text not null,
	at_ms bigint not null,
	primary key (site_id, calling_ae)
);
create index instance_by_caller on instance (site_id, calling_ae, received_at);

-- What retention rules say of studies, made anew every day.
create table retention_due (
	site_id text not null,
	study_uid text not null,
	rule text not null,
	until_day text not null, -- YYYY-MM-DD: the last day it had to be kept
	noted_ms bigint not null,
	primary key (site_id, study_uid)
);

-- Studies that somebody decided to keep, whatever the rules say.
create table retention_keep (
	site_id text not null,
	study_uid text not null,
	reason text not null,
	actor text not null,
	at_ms bigint not null,
	primary key (site_id, study_uid)
);

-- +goose Down
drop table retention_keep;
drop table retention_due;
drop index instance_by_caller;
drop table keep_rule;
