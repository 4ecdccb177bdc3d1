-- +goose Up
-- programs that act for people, who let them: SMART apps
create table access_app (
    app_id    text primary key, -- client_id
    site_id   text not null, -- where it acts; '' means every site of whoever lets it
    name      text not null,
    returns   text not null, -- redirect URIs between spaces, as they must be given
    scopes    text not null, -- SMART scopes between spaces
    jwks_url  text not null, -- both '' for a public client, which proves nothing of itself
    jwks      text not null,
    made_by   text not null,
    made_at   bigint not null,
    used_at   bigint not null default 0,
    ended_at  bigint not null default 0
);

-- what somebody let an app do, and the code by which it learns of it, once
create table access_consent (
    consent_id text primary key,
    site_id    text not null,
    app_id     text not null,
    user_id    text not null,
    hash       text not null, -- SHA-256 of the code, hexadecimal
    challenge  text not null, -- S256 of the verifier (RFC 7636)
    return_to  text not null,
    scopes     text not null,
    person     text not null, -- as the rooms name them; '' without a patient in context
    made_at    bigint not null,
    until      bigint not null, -- of the code
    used_at    bigint not null default 0,
    ended_at   bigint not null default 0
);
create unique index access_consent_hash on access_consent (hash);
create index access_consent_until on access_consent (until);

-- what apps carry
create table access_pass (
    hash       text primary key,
    pass_id    text not null,
    site_id    text not null,
    consent_id text not null,
    app_id     text not null,
    user_id    text not null,
    scopes     text not null,
    person     text not null,
    made_at    bigint not null,
    until      bigint not null,
    ended_at   bigint not null default 0
);
create index access_pass_until on access_pass (until);
create index access_pass_consent on access_pass (consent_id);

-- +goose Down
drop table access_pass;
drop table access_consent;
drop table access_app;
