-- +goose Up
create table account_password (
    user_id text primary key,
    site_id text not null,
    hash    text not null, -- PHC string, argon2id
    set_at  bigint not null
);

create table account_recovery (
    code_hash text primary key, -- keyed
    site_id   text not null,
    user_id   text not null,
    made_at   bigint not null,
    used_at   bigint not null default 0
);
create index account_recovery_user on account_recovery (user_id);

-- links that are good for one thing, once
create table account_link (
    link_hash text primary key, -- keyed
    site_id   text not null,
    purpose   text not null, -- first, password
    user_id   text not null, -- '' for the first administrator
    made_by   text not null,
    made_at   bigint not null,
    until_at  bigint not null,
    used_at   bigint not null default 0
);
create index account_link_user on account_link (user_id);

-- what authenticators know an account by
create table account_handle (
    user_id text primary key,
    site_id text not null,
    handle  text not null unique -- base64url
);

create table account_passkey (
    credential_id text primary key, -- base64url
    site_id       text not null,
    user_id       text not null,
    rp_id         text not null,
    name          text not null,
    record        text not null, -- JSON of the credential: public key, counter, flags
    made_at       bigint not null,
    used_at       bigint not null default 0
);
create index account_passkey_user on account_passkey (user_id);

-- answers to a challenge count once
create table account_used (
    challenge text primary key,
    site_id   text not null,
    until_at  bigint not null
);

create table account_station (
    station_id text primary key,
    site_id    text not null,
    name       text not null,
    room_id    text not null, -- '' if it belongs to none
    made_by    text not null,
    made_at    bigint not null,
    ended_at   bigint not null default 0
);

create table account_pin (
    user_id text primary key,
    site_id text not null,
    hash    text not null, -- PHC string, argon2id over the keyed PIN
    set_at  bigint not null
);

-- wrong PINs since the last full sign-in there
create table account_pin_wrong (
    user_id    text not null,
    station_id text not null,
    site_id    text not null,
    n          bigint not null,
    primary key (user_id, station_id)
);

create table account_session (
    session_id text primary key,
    site_id    text not null,
    user_id    text not null,
    how        text not null, -- password, passkey, recovery, provider, link, pin, demonstration
    begun_at   bigint not null,
    seen_at    bigint not null,
    signed_at  bigint not null, -- last full proof
    until_at   bigint not null,
    address    text not null,
    agent      text not null,
    station_id text not null, -- '' if it is no workstation
    ended_at   bigint not null default 0,
    ended_why  text not null default ''
);
create index account_session_user on account_session (user_id, ended_at);
create index account_session_station on account_session (station_id, begun_at) where station_id <> '';
create index account_session_open on account_session (until_at) where ended_at = 0;

create table account_cookie (
    token_hash text primary key,
    site_id    text not null,
    data       bytea not null,
    until_at   bigint not null
);
create index account_cookie_until on account_cookie (until_at);

-- devices on which somebody signed in before
create table account_device (
    user_id     text not null,
    device_hash text not null,
    site_id     text not null,
    first_at    bigint not null,
    last_at     bigint not null,
    primary key (user_id, device_hash)
);

-- tries that were wrong, by keyed names of login, address and device
create table account_try (
    name     text primary key,
    site_id  text not null,
    n        bigint not null,
    last_at  bigint not null,
    until_at bigint not null
);
create index account_try_last on account_try (last_at);

-- +goose Down
drop table account_try;
drop table account_device;
drop table account_cookie;
drop table account_session;
drop table account_pin_wrong;
drop table account_pin;
drop table account_station;
drop table account_used;
drop table account_passkey;
drop table account_handle;
drop table account_link;
drop table account_recovery;
drop table account_password;
