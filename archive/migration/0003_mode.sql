-- +goose Up
-- How this installation keeps objects: said once, at its first start.
create table archive_mode (
	id bigint not null primary key check (id = 1),
	site_id text not null, -- '' : all sites
	minimised boolean not null, -- whoever is meant is kept as a keyed hash alone
	since_ms bigint not null,
	proof text not null -- hash of nothing, which shows whether the key is the same; '' if not minimised
);

-- +goose Down
drop table archive_mode;
