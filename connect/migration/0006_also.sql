-- +goose Up

-- Whom else a message speaks of than connect_message.person says: both ends of a merge,
-- each patient of a batch of results, and the further numbers of one.
create table connect_also (
    site_id    text not null,
    person     text not null,
    message_id text not null,
    primary key (site_id, person, message_id)
);
create index connect_also_message on connect_also (message_id);

-- +goose Down
drop table connect_also;
