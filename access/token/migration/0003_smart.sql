-- +goose Up
-- the rest of SMART App Launch: secrets, launches, sign-on, refreshing
alter table access_app add column secret_hash text not null default ''; -- of a client secret; '' without one
alter table access_app add column launch_at text not null default ''; -- where it is opened from a study; '' if it cannot be
alter table access_app add column blocked_at bigint not null default 0; -- until it is let in again

alter table access_consent add column words text not null default ''; -- scopes of no resource: openid, offline_access, ...
alter table access_consent add column nonce text not null default ''; -- to stand in the ID token
alter table access_consent add column session text not null default ''; -- in which the person said yes
alter table access_consent add column signed_at bigint not null default 0; -- when they last proved who they are
alter table access_consent add column study text not null default ''; -- from whose page the app was opened
create index access_consent_user on access_consent (user_id);

-- by which an app receives another access token: each once
create table access_refresh (
    hash       text primary key,
    refresh_id text not null,
    site_id    text not null,
    consent_id text not null,
    app_id     text not null,
    user_id    text not null,
    made_at    bigint not null,
    until      bigint not null,
    used_at    bigint not null default 0,
    ended_at   bigint not null default 0
);
create index access_refresh_until on access_refresh (until);
create index access_refresh_consent on access_refresh (consent_id);

-- that somebody opened an app from a study
create table access_launch (
    hash    text primary key,
    site_id text not null,
    app_id  text not null,
    user_id text not null,
    person  text not null,
    study   text not null,
    made_at bigint not null,
    until   bigint not null,
    used_at bigint not null default 0
);
create index access_launch_until on access_launch (until);

-- keys that sign ID tokens
create table access_signing (
    key_id   text primary key,
    site_id  text not null,
    sealed   text not null, -- PKCS #8, AES-256-GCM under the key of the installation, base64
    made_at  bigint not null,
    ended_at bigint not null default 0 -- when another took its place
);

-- +goose Down
drop table access_signing;
drop table access_launch;
drop table access_refresh;
drop index access_consent_user;
alter table access_consent drop column study;
alter table access_consent drop column signed_at;
alter table access_consent drop column session;
alter table access_consent drop column nonce;
alter table access_consent drop column words;
alter table access_app drop column blocked_at;
alter table access_app drop column launch_at;
alter table access_app drop column secret_hash;
