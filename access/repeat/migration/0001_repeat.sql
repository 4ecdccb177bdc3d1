-- +goose Up
-- requests of programs that bear a key, for a day
create table access_repeat (
    site_id      text not null,
    account      text not null,
    key_hash     text not null,   -- SHA-256 of site, account and key, hexadecimal; the key itself is kept nowhere
    request_hash text not null,   -- SHA-256 of what was asked, hexadecimal
    turn         text not null,   -- of whoever works on it, or worked on it
    began_at     bigint not null, -- or prolonged
    ended_at     bigint not null default 0,
    status       bigint not null default 0,
    answer       bytea,           -- sealed under a key made of the client's own; null once forgotten
    primary key (site_id, account, key_hash)
);
create index access_repeat_began on access_repeat (began_at);
