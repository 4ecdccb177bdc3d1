-- +goose Up
-- What an erasure that is to come has put again already, as it is given out, of instances
-- that named another person before they were corrected: the transaction that erases only
-- has the index name it. What nobody uses is taken out of the packs again.
create table uncovered (
	instance text not null,
	whom text not null, -- digest of the person who is to be erased
	site_id text not null,
	corrected text not null, -- which corrections it was made under, as in study
	was_sha256 bytea not null, -- of what the index names
	pack text not null, -- '' : the instance does not name the person, and stays as it is
	pack_offset bigint not null,
	length bigint not null,
	sha256 bytea not null,
	at_ms bigint not null,
	primary key (instance, whom)
);
create index uncovered_by_place on uncovered (pack, pack_offset) where pack <> '';
create index uncovered_by_time on uncovered (at_ms);

-- What is deleted is asked for by what it is.
create index trash_object_by_sop on trash_object (site_id, sop_uid);
create index trash_object_by_study on trash_object (site_id, study_uid);

-- Every erasure looks from now on at what it erased only: what others left goes here.
delete from coerced where not exists (select 1 from instance where instance.site_id = coerced.site_id and instance.sop_uid = coerced.sop_uid)
	and not exists (select 1 from trash_object where trash_object.site_id = coerced.site_id and trash_object.sop_uid = coerced.sop_uid);

-- +goose Down
drop index trash_object_by_study;
drop index trash_object_by_sop;
drop table uncovered;
