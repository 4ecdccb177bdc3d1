-- +goose Up
create table lease (
	name text not null primary key,
	holder text not null,
	term bigint not null, -- counts takeovers and renewals, so that watchers need no clock
	until_ms bigint not null
);

-- +goose Down
drop table lease;
