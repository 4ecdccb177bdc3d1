-- +goose Up
create table journal_head (
	number bigint not null primary key, -- of the seal that was the last
	seq bigint not null, -- of its last entry
	at_ms bigint not null, -- when it was signed
	digest bytea not null, -- of that seal
	public_key bytea not null, -- Ed25519
	signature bytea not null
);

create index journal_entry_actor on journal_entry (actor, seq) where seq is not null;

-- When the entries of a seal happened; derived, and no part of its digest.
alter table journal_seal add column from_ms bigint not null default 0; -- the earliest of its entries
alter table journal_seal add column upto_ms bigint not null default 0; -- the latest of its entries and of all before
alter table journal_seal add column late boolean not null default false; -- from_ms is more than ten minutes before upto_ms of the seal before

update journal_seal set
	from_ms = (select min(e.at_ms) from journal_entry e where e.seq between first_seq and last_seq),
	upto_ms = (select max(e.at_ms) from journal_entry e where e.seq between first_seq and last_seq);
update journal_seal set upto_ms = highest.ms, late = from_ms < highest.before - 600000
	from (select number as nr, max(upto_ms) over (order by number) as ms,
		coalesce(max(upto_ms) over (order by number rows between unbounded preceding and 1 preceding), 0) as before from journal_seal) as highest
	where journal_seal.number = highest.nr;

create index journal_seal_upto on journal_seal (upto_ms, number);
create index journal_seal_late on journal_seal (from_ms) where late;

-- +goose Down
drop index journal_seal_late;
drop index journal_seal_upto;
alter table journal_seal drop column late;
alter table journal_seal drop column upto_ms;
alter table journal_seal drop column from_ms;
drop index journal_entry_actor;
drop table journal_head;
