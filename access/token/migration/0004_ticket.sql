-- +goose Up
-- what a viewer of others carries to open one study for somebody
create table access_ticket (
    hash      text primary key, -- SHA-256, hexadecimal
    ticket_id text not null,
    site_id   text not null,
    user_id   text not null, -- for whom it opens, and who had it made
    name      text not null, -- of the viewer
    study     text not null, -- Study Instance UID
    made_at   bigint not null,
    until     bigint not null,
    ended_at  bigint not null default 0
);
create unique index access_ticket_id on access_ticket (ticket_id);
create index access_ticket_study on access_ticket (site_id, study);
create index access_ticket_until on access_ticket (until);

-- +goose Down
drop table access_ticket;
