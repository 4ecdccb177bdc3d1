-- +goose Up
-- What is made of attributes of what a peer sends: a version each time that somebody
-- changes it. What came while a version held stays under it.
create table coercion (
	id text not null primary key,
	site_id text not null,
	peer text not null, -- application entity title
	issuer text not null, -- of patient IDs that come without one; '' for none
	rules text not null, -- JSON
	reason text not null, -- as typed
	actor text not null,
	at_ms bigint not null,
	until_ms bigint not null default 0, -- 0 while it holds for what comes
	until_by text not null default ''
);
create index coercion_by_peer on coercion (site_id, peer, id);

-- Which objects came under which version.
create table coerced (
	site_id text not null,
	sop_uid text not null,
	coercion text not null references coercion (id),
	primary key (site_id, sop_uid)
);

-- Under which versions objects of a study came.
create table coerced_study (
	site_id text not null,
	study_uid text not null,
	coercion text not null references coercion (id),
	primary key (site_id, study_uid, coercion)
);

-- +goose Down
drop table coerced_study;
drop table coerced;
drop table coercion;
