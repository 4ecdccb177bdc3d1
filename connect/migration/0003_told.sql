-- +goose Up

-- Which messages speak of an order, by each of its numbers: what they come to together
-- is what the order is.
create table connect_told (
    site_id    text not null,
    kind       text not null, -- placer, filler, accession
    number     text not null,
    message_id text not null,
    primary key (site_id, kind, number, message_id)
);
create index connect_told_message on connect_told (message_id);

-- +goose Down
drop table connect_told;
