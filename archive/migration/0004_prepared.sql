-- +goose Up
-- All of this is derived: it may be dropped and is made again from studies and objects.

-- What is yet to be prepared: noted when a study or series is made or says something new.
create table prepare_due (
	kind text not null, -- study or series
	id text not null,
	site_id text not null,
	at_ms bigint not null,
	primary key (kind, id)
);

-- The metadata of a series, ready to be given.
create table series_prepared (
	series text not null primary key,
	site_id text not null,
	study text not null,
	instances bigint not null, -- when it was made; another count than the series' is stale
	etag text not null,
	built_at bigint not null,
	body bytea not null -- gzip of a JSON array
);
create index series_prepared_by_study on series_prepared (study);

-- Where the frames of an object with several lie in it.
create table instance_frames (
	instance text not null primary key,
	site_id text not null,
	frames bigint not null,
	places bytea not null
);

-- What a study is found by when somebody types. Words are folded.
create table search_study (
	study text not null primary key,
	site_id text not null,
	words text not null -- field:word, one a line, so that they can be taken out again
);
create table search_word (
	site_id text not null,
	field text not null, -- n of names, i of identifiers, t of texts
	word text not null,
	study text not null,
	primary key (site_id, field, word, study)
);
create table search_gram (
	site_id text not null,
	gram text not null, -- three letters of a word that some study has
	field text not null,
	word text not null,
	primary key (site_id, gram, field, word)
);

insert into prepare_due (kind, id, site_id, at_ms) select 'study', id, site_id, 0 from study;
insert into prepare_due (kind, id, site_id, at_ms) select 'series', id, site_id, 0 from series;

-- +goose Down
drop table search_gram;
drop table search_word;
drop table search_study;
drop table instance_frames;
drop table series_prepared;
drop table prepare_due;
