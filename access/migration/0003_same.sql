-- +goose Up
-- Which identifiers of a site are one person's: those with the same root. The room
-- person says so; decisions are made with it.
create table access_same (
    site_id text not null,
    person  text not null,
    root    text not null,
    primary key (site_id, person)
);
create index access_same_root on access_same (site_id, root);

-- Opt-outs of persons who were erased: a keyed hash of whom, so that what comes of
-- them later stays excluded.
create table access_exclusion (
    site_id text not null,
    mark    bytea not null, -- HMAC of site and person
    wish    text not null,
    since   bigint not null,
    primary key (site_id, mark, wish)
);

-- +goose Down
drop table access_exclusion;
drop table access_same;
