-- +goose Up
-- What was found to be wrong about whom a study, a series or an instance is about, and
-- what is right. Objects stay as received; the index says what is right, and this says
-- what it said before. A correction that was undone stays as history.
create table correction (
	id text not null primary key,
	site_id text not null,
	study_uid text not null,
	series_uid text not null, -- '' for the whole study
	sop_uid text not null, -- '' unless a single instance
	cause text not null, -- person, or peer: a rule for what a peer sends
	person text not null, -- whom it is about since then; '' if nobody is named
	corrected text not null, -- JSON: tag to text
	received text not null, -- JSON: tag to text, as the index said it before
	reason text not null, -- as typed
	actor text not null,
	at_ms bigint not null,
	undone_ms bigint not null default 0, -- 0 while it holds
	undone_by text not null default '',
	undone_why text not null default ''
);
create index correction_by_study on correction (site_id, study_uid);
create index correction_by_person on correction (site_id, person) where person <> '';
create index correction_by_time on correction (site_id, id);

-- Whom the objects named that a correction is about. Another person whom a later object
-- of the study names is not covered up by it.
create table correction_received (
	correction text not null references correction (id),
	site_id text not null,
	person text not null, -- '' : nobody
	primary key (correction, person)
);
create index correction_received_by_person on correction_received (site_id, person);

-- Which corrections the row of a study rests on: a digest, '' for none.
alter table study add column corrected text not null default '';

-- +goose Down
alter table study drop column corrected;
drop table correction_received;
drop table correction;
