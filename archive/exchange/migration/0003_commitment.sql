-- +goose Up
-- Whether the peer of a transfer answers for what it took (PS3.4 Annex J).
alter table exchange_transfer add column commitment text not null default ''; -- asked, committed, failed, silent, refused, not_offered; '' : not asked yet
alter table exchange_transfer add column committed bigint not null default 0; -- instances it answers for
alter table exchange_sent add column committed_ms bigint not null default 0; -- when the peer said that it answers for it

-- What a peer was asked to answer for.
create table exchange_commitment (
	transaction_uid text not null primary key,
	site_id text not null,
	peer text not null,
	transfer text not null,
	ticket text not null, -- of the transfer when it was asked
	study_uid text not null,
	instances bigint not null,
	kept bigint not null,
	failed bigint not null,
	state text not null, -- asked, answered, silent
	asked_ms bigint not null,
	answered_ms bigint not null
);
create index exchange_commitment_by_transfer on exchange_commitment (transfer, ticket);

-- +goose Down
drop table exchange_commitment;
alter table exchange_sent drop column committed_ms;
alter table exchange_transfer drop column committed;
alter table exchange_transfer drop column commitment;
