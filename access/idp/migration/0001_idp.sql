-- +goose Up
-- whom an identity provider means by whom: by issuer and subject, never by mail
create table access_idp_link (
    issuer    text not null,
    subject   text not null,
    site_id   text not null,
    user_id   text not null,
    made      bigint not null, -- 1: the account was made by this provider, which governs its roles
    linked_at bigint not null,
    seen_at   bigint not null,
    primary key (issuer, subject)
);
create index access_idp_link_user on access_idp_link (user_id);

-- sessions that began at an identity provider, so that it can end them
create table access_idp_session (
    session_id text primary key,
    site_id    text not null,
    provider   text not null,
    issuer     text not null,
    subject    text not null,
    sid        text not null, -- the provider's name for its session, '' if it gave none
    hint       bytea,         -- the ID token, sealed: shown to the provider at sign-out
    begun_at   bigint not null
);
create index access_idp_session_subject on access_idp_session (issuer, subject);

-- what serves once: states and logout tokens
create table access_idp_used (
    hash    text primary key,
    site_id text not null,
    until   bigint not null
);
create index access_idp_used_until on access_idp_used (until);

-- +goose Down
drop table access_idp_used;
drop table access_idp_session;
drop table access_idp_link;
