-- +goose Up
create table journal_entry (
	id text not null primary key, -- UUIDv7, given by Append
	seq bigint, -- given by the sealer; null until then
	site_id text not null,
	at_ms bigint not null,
	actor text not null,
	kind text not null,
	subject text not null,
	data text not null, -- JSON, byte for byte as given; no personal data
	person_key_id text not null, -- '' if the entry concerns no person
	payload bytea, -- nonce and AES-256-GCM ciphertext under the person's key
	payload_digest bytea, -- SHA-256 of payload
	digest bytea not null -- SHA-256 of the canonical encoding, docs/format/journal.md
);
create unique index journal_entry_seq on journal_entry (seq) where seq is not null;
create index journal_entry_unsealed on journal_entry (id) where seq is null;
create index journal_entry_kind on journal_entry (kind, seq) where seq is not null;
create index journal_entry_subject on journal_entry (subject, seq) where seq is not null and subject <> '';
create index journal_entry_person on journal_entry (person_key_id, seq) where person_key_id <> '';

create table journal_seal (
	number bigint not null primary key, -- 1, 2, 3 …
	first_seq bigint not null,
	last_seq bigint not null,
	at_ms bigint not null,
	previous bytea not null, -- digest of the seal before it; zeros for number 1
	digest bytea not null
);

create table journal_checkpoint (
	number bigint not null primary key, -- of the last seal that was dropped
	seq bigint not null, -- of the last entry that was dropped
	at_ms bigint not null,
	digest bytea not null, -- of that seal
	public_key bytea not null, -- Ed25519
	signature bytea not null
);

create table journal_cursor (
	consumer text not null primary key,
	seq bigint not null, -- everything up to it is handled
	updated_ms bigint not null,
	failures bigint not null, -- since the last success
	error text not null,
	error_kind text not null,
	error_seq bigint not null -- first entry of the batch that failed
);

create table journal_person_key (
	key_id text not null primary key,
	lookup bytea unique, -- HMAC-SHA256 of the person; null once destroyed
	wrapped bytea, -- the key, encrypted under the installation's; null once destroyed
	created_ms bigint, -- null once destroyed
	destroyed_ms bigint
);

create table journal_installation (
	id bigint not null primary key check (id = 1),
	proof bytea not null -- shows whether an installation key is the right one
);

-- +goose Down
drop table journal_installation;
drop table journal_person_key;
drop table journal_cursor;
drop table journal_checkpoint;
drop table journal_seal;
drop table journal_entry;
