-- +goose Up
create table access_token (
    token_id text primary key,
    site_id  text not null, -- '' means every site of its account
    user_id  text not null,
    name     text not null,
    hash     text not null, -- SHA-256 of the token, hexadecimal; the token itself is kept nowhere
    hint     text not null, -- its first letters, by which people know it
    scopes   text not null, -- acts between spaces
    made_by  text not null,
    made_at  bigint not null,
    until    bigint not null,
    used_at  bigint not null default 0, -- to the minute; 0 while it was never used
    ended_at bigint not null default 0,
    ended_by text not null default ''
);
create unique index access_token_hash on access_token (hash);
create index access_token_user on access_token (user_id);

-- machines that prove who they are with a signature
create table access_client (
    client_id text primary key,
    site_id   text not null,
    user_id   text not null, -- the machine's account
    name      text not null,
    scopes    text not null, -- SMART scopes between spaces
    jwks_url  text not null, -- '' if jwks holds the keys
    jwks      text not null,
    made_by   text not null,
    made_at   bigint not null,
    used_at   bigint not null default 0,
    ended_at  bigint not null default 0
);

-- what clients carry for a few minutes
create table access_bearer (
    hash      text primary key,
    bearer_id text not null,
    site_id   text not null,
    client_id text not null,
    scopes    text not null,
    made_at   bigint not null,
    until     bigint not null,
    ended_at  bigint not null default 0
);
create index access_bearer_until on access_bearer (until);
create index access_bearer_client on access_bearer (client_id);

-- signed requests that were used: each serves once
create table access_assertion (
    client_id text not null,
    site_id   text not null,
    jti       text not null, -- SHA-256, hexadecimal
    until     bigint not null,
    primary key (client_id, jti)
);
create index access_assertion_until on access_assertion (until);

-- +goose Down
drop table access_assertion;
drop table access_bearer;
drop table access_client;
drop table access_token;
