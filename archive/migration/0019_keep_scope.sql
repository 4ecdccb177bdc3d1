-- +goose Up
-- Of what pixels are dropped: of what a peer sends, of what is sent to one of our titles,
-- or of what a peer sends to a title; since when, why and by whom. What came before came
-- for the archive.
create table keep_scope (
	site_id text not null,
	calling_ae text not null, -- '' : any peer
	called_ae text not null, -- '' : any title of ours
	after_ms bigint not null, -- how long after its coming
	reason text not null, -- as typed
	actor text not null,
	since_ms bigint not null, -- of what came from then on
	at_ms bigint not null, -- when it was decided last
	primary key (site_id, calling_ae, called_ae)
);
insert into keep_scope select site_id, calling_ae, '', after_ms, '', actor, at_ms, at_ms from keep_rule;
drop table keep_rule;

-- Which title of ours it was sent to.
alter table instance add column called_ae text not null default '';
create index instance_by_called on instance (site_id, called_ae, received_at) where called_ae <> '';

-- +goose Down
drop index instance_by_called;
alter table instance drop column called_ae;
create table keep_rule (
	site_id text not null,
	calling_ae text not null,
	keep text not null,
	after_ms bigint not null,
	actor text not null,
	at_ms bigint not null,
	primary key (site_id, calling_ae)
);
insert into keep_rule select site_id, calling_ae, 'header', after_ms, actor, at_ms from keep_scope where called_ae = '';
drop table keep_scope;
