-- +goose Up
-- what a peer may do here; those known before keep what they could
alter table site_peer add column state text not null default 'accepted'; -- accepted, limited, blocked
alter table site_peer add column addresses text not null default ''; -- besides its host: addresses and networks it calls from, between spaces
alter table site_peer add column tls bigint not null default 0; -- 1: only over TLS
alter table site_peer add column certificate text not null default ''; -- SHA-256 of its certificate in hex; '' means any that is trusted
alter table site_peer add column note text not null default '';
alter table site_peer add column decided_by text not null default '';
alter table site_peer add column decided_at bigint not null default 0;
alter table site_peer add column last_at bigint not null default 0; -- of its last association

-- who called and is not known
create table site_knock (
    site_id  text not null,
    ae_title text not null,
    address  text not null, -- without port
    called   text not null,
    class    text not null, -- implementation class UID and version as sent
    offered  text not null, -- SOP class UIDs asked for, between spaces
    reason   text not null, -- why it was not let in: unknown, address, blocked, tls, certificate
    first_at bigint not null,
    last_at  bigint not null,
    times    bigint not null,
    primary key (site_id, ae_title, address)
);
create index site_knock_last on site_knock (site_id, last_at);

-- +goose Down
drop table site_knock;
