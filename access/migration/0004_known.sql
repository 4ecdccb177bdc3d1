-- +goose Up
-- By which names orders and images know who holds an account: a patient whom they
-- refer under one of them is within their reach.
create table access_known (
    key     text primary key, -- folded
    name    text not null, -- as it was typed
    user_id text not null
);
create index access_known_user on access_known (user_id);
create index access_relation_referred on access_relation (site_id, reason) where kind = 'referred' and ended_at = 0;

-- +goose Down
drop index access_relation_referred;
drop table access_known;
