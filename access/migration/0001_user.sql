-- +goose Up
create table access_user (
    user_id    text primary key,
    site_id    text not null, -- '' means every site
    name       text not null,
    roles      text not null, -- words between spaces
    created_at bigint not null,
    ended_at   bigint not null default 0 -- 0 while the user may act
);

-- +goose Down
drop table access_user;
